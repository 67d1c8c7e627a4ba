using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>A device that measures while its server is away, with its outbox on disk.</summary>
public sealed class OfflineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private DeviceOptions OnDisk => Devices.Quick() with { Outbox = new OutboxOptions { Folder = _folder.File("outbox") } };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_was_queued_without_a_server_is_sent_by_the_next_start_with_the_same_numbers()
    {
        await using var broker = new ScriptedBroker();
        var numbers = new List<string>();
        await using (var before = StartWithoutServer(OnDisk))
        {
            for (var n = 1; n <= 3; n++)
                numbers.Add($"{(await before.QueueAsync(null, Devices.Json($"{n}")).WaitAsync(Devices.Patience)).Sequence}");
        }

        await using var after = broker.StartDevice(OnDisk);
        var link = await broker.AcceptDeviceAsync();
        var sent = await link.ExpectPublishesAsync(3);

        Assert.Equal(["1", "2", "3"], sent.Select(publish => publish.Text()));
        Assert.Equal(numbers, sent.Select(publish => publish.Sequence()));
        Assert.Equal(3, after.Outbox.Messages);
    }

    [Fact]
    public async Task What_was_acknowledged_is_gone_and_the_rest_comes_again()
    {
        await using var broker = new ScriptedBroker();
        await using (var before = broker.StartDevice(OnDisk))
        {
            var link = await broker.AcceptDeviceAsync();
            var stored = before.PublishAsync(null, Devices.Json("1"));
            await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());
            await stored.WaitAsync(Devices.Patience);
            var cut = before.PublishAsync(null, Devices.Json("2"));
            await link.ExpectAsync<PublishPacket>();
            await before.DisposeAsync();
            Assert.Equal(DeviceError.Stopped, (await Assert.ThrowsAsync<DeviceException>(() => cut)).Error);
        }

        await using var after = broker.StartDevice(OnDisk);
        var again = await broker.AcceptDeviceAsync();
        Assert.Equal("2", (await again.ExpectAsync<PublishPacket>()).Text());
    }

    [Fact]
    public async Task A_refusal_of_a_message_of_an_earlier_run_is_told()
    {
        await using var broker = new ScriptedBroker();
        await using (var before = StartWithoutServer(OnDisk))
            await before.QueueAsync("trend", new Dictionary<string, double> { ["x"] = 1 });

        var told = new TaskCompletionSource<DeviceException>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var after = broker.StartDevice(OnDisk with { TroubleMet = told.SetResult });
        var link = await broker.AcceptDeviceAsync();
        await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>(), ReasonCode.PayloadFormatInvalid);

        var error = await told.Task.WaitAsync(Devices.Patience);
        Assert.Equal((DeviceError.PublishRefused, ReasonCode.PayloadFormatInvalid), (error.Error, error.Reason));
        Assert.Equal(0, after.Outbox.Messages);
    }

    [Fact]
    public async Task A_message_that_the_disk_does_not_give_back_is_told_and_the_next_one_sent()
    {
        await using var broker = new ScriptedBroker();
        await using (var before = StartWithoutServer(OnDisk))
        {
            await before.QueueAsync(null, Devices.Json("\"lost\""));
            await before.QueueAsync(null, Devices.Json("\"sent\""));
        }

        var told = new TaskCompletionSource<DeviceException>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var after = broker.StartDevice(OnDisk with { TroubleMet = told.SetResult });
        var file = Assert.Single(Directory.GetFiles(_folder.File("outbox"), "*.log"));
        var bytes = await ReadAsync(file);
        await using (var damage = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            damage.Position = bytes.AsSpan().IndexOf("lost"u8);
            damage.WriteByte((byte)'L');
        }

        var link = await broker.AcceptDeviceAsync();
        Assert.Equal("\"sent\"", (await link.ExpectAsync<PublishPacket>()).Text());
        Assert.Equal(DeviceError.OutboxFailed, (await told.Task.WaitAsync(Devices.Patience)).Error);
        Assert.Equal(1, after.Outbox.Messages);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_used_is_found_out_before_a_token_is_spent()
    {
        await using (StartWithoutServer(OnDisk))
        {
            var nobody = OnDisk with { Server = new Uri("https://localhost:1"), EnrolmentToken = "once" };
            var error = await Assert.ThrowsAsync<DeviceException>(() => DeviceClient.StartAsync(nobody).WaitAsync(Devices.Patience));
            Assert.Equal(DeviceError.OutboxFailed, error.Error);
        }
    }

    [Fact]
    public async Task A_backlog_is_replayed_at_its_pace_beside_fresh_messages_of_other_streams()
    {
        await using var broker = new ScriptedBroker();
        var clock = new FakeClock();
        await using var device = broker.StartDevice(Devices.Quick() with { Clock = clock, Outbox = new OutboxOptions { ReplayRate = 2 } });
        for (var n = 1; n <= 4; n++)
            await device.QueueAsync("trend", Devices.Json($"{n}"));
        var link = await broker.AcceptDeviceAsync();
        Assert.Equal(["1", "2"], (await link.ExpectPublishesAsync(2)).Select(publish => publish.Text()));

        await device.QueueAsync("fresh", Devices.Json("0"));
        Assert.Equal("0", (await link.ExpectAsync<PublishPacket>()).Text());
        clock.Advance(TimeSpan.FromSeconds(1.1));

        Assert.Equal(["3", "4"], (await link.ExpectPublishesAsync(2)).Select(publish => publish.Text()));
    }

    // The device has it open for writing.
    private static async Task<byte[]> ReadAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    private static DeviceClient StartWithoutServer(DeviceOptions options) => DeviceClient.StartOver(_ => Task.FromException<Stream>(new IOException("No route.")), options);
}
