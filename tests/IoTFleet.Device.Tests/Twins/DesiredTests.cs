using System.Text.Json;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Twins;

public sealed class DesiredTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_changed_while_the_device_was_off_comes_as_one_change_at_its_start()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await server.WantAsync("""{"interval":60,"led":true}""");
        await using (var device = broker.StartDevice(Options()))
            await TakeAsync(device, until: 1);
        await server.WantAsync("""{"interval":10}""");
        await server.WantAsync("""{"led":null}""");
        await server.WantAsync("""{"interval":30,"mode":"eco"}""");

        await using var again = broker.StartDevice(Options());

        Assert.Equal((1, "{\"interval\":60,\"led\":true}"), (again.Twin.AppliedVersion, again.Twin.Applied.GetRawText()));
        var change = Assert.Single(await TakeAsync(again, until: 4));
        Assert.Equal((4, """{"interval":30,"led":null,"mode":"eco"}""", """{"interval":30,"mode":"eco"}"""), (change.Version, change.Delta.GetRawText(), change.Full.GetRawText()));
    }

    [Fact]
    public async Task A_change_that_the_application_was_not_done_with_comes_again_after_a_restart()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await server.WantAsync("""{"interval":60}""");
        await using (var device = broker.StartDevice(Options()))
        {
            await using var changes = device.Twin.DesiredChangesAsync().GetAsyncEnumerator();
            Assert.True(await changes.MoveNextAsync());
        }

        await using var again = broker.StartDevice(Options());

        Assert.Equal(0, again.Twin.AppliedVersion);
        Assert.Equal(1, Assert.Single(await TakeAsync(again, until: 1)).Version);
    }

    [Fact]
    public async Task The_server_is_told_which_version_was_applied_also_by_the_next_start()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await server.WantAsync("""{"interval":60}""");
        server.ReportAnswer = Mqtt.ReasonCode.UnspecifiedError;
        await using (var device = broker.StartDevice(Options()))
            await TakeAsync(device, until: 1);
        server.ReportAnswer = Mqtt.ReasonCode.Success;

        await using var again = broker.StartDevice(Options());

        await Eventually.TrueAsync(() => Task.FromResult(server.Applied == 1), Devices.Patience);
    }

    [Fact]
    public async Task What_comes_again_or_late_is_ignored_and_what_leaves_a_gap_is_asked_for()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await using var device = broker.StartDevice(Options());
        await using var changes = device.Twin.DesiredChangesAsync().GetAsyncEnumerator();
        await server.WantAsync("""{"a":1}""");
        Assert.True(await changes.MoveNextAsync());
        await server.SendAsync("""{"version":1,"from":0,"patch":{"a":7}}""");
        await server.SendAsync("""{"version":0,"desired":{"a":8}}""");
        await server.SendAsync("""{"version":9,"from":8,"patch":{"a":9}}""");       // cannot be applied to version 1: the server is asked, and says that 1 it is
        await server.WantAsync("""{"b":2}""");

        Assert.True(await changes.MoveNextAsync());

        Assert.Equal((2, """{"b":2}""", """{"a":1,"b":2}"""), (changes.Current.Version, changes.Current.Delta.GetRawText(), changes.Current.Full.GetRawText()));
    }

    [Fact]
    public async Task A_whole_document_takes_the_place_of_what_is_held_and_the_change_says_what_differs()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await server.WantAsync("""{"a":1,"b":1}""");
        await using var device = broker.StartDevice(Options());
        await TakeAsync(device, until: 1);
        await server.SendAsync("""{"version":12,"desired":{"b":1,"c":{"d":null}}}""");

        var change = Assert.Single(await TakeAsync(device, until: 12));

        Assert.Equal("""{"a":null,"c":{"d":null}}""", change.Delta.GetRawText());
    }

    [Fact]
    public async Task Changed_and_changed_back_is_no_change_but_a_version()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await server.WantAsync("""{"a":1}""");
        await using (var device = broker.StartDevice(Options()))
            await TakeAsync(device, until: 1);
        await server.WantAsync("""{"a":2}""");
        await server.WantAsync("""{"a":1}""");

        await using var again = broker.StartDevice(Options());

        Assert.Empty(await TakeAsync(again, until: 3));
        await Eventually.TrueAsync(() => Task.FromResult(server.Applied == 3), Devices.Patience);
    }

    [Fact]
    public async Task News_that_cannot_be_read_is_told_and_harms_nothing()
    {
        var troubles = new List<DeviceException>();
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await using var device = broker.StartDevice(Options() with { TroubleMet = troubles.Add });
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);
        foreach (var nonsense in (string[])["", "[]", "{}", """{"version":"1"}""", """{"version":5}""", """{"version":5,"desired":7}"""])
            await server.SendAsync(nonsense);
        await server.WantAsync("""{"a":1}""");

        Assert.Single(await TakeAsync(device, until: 1));
        Assert.Equal(6, troubles.Count(trouble => trouble.Error == DeviceError.TwinFailed));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"device":"pump-7","fleet":"0000000000000000000000000000000000000000000000000000000000000000","version":"x","desired":{}}""")]
    public async Task A_damaged_file_is_told_and_the_document_is_asked_for_anew(string text)
    {
        File.WriteAllText(_folder.File("twin.json"), text);
        var troubles = new List<DeviceException>();
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await server.WantAsync("""{"a":1}""");

        await using var device = broker.StartDevice(Options() with { TroubleMet = troubles.Add });

        Assert.Single(await TakeAsync(device, until: 1));
        Assert.Equal(DeviceError.TwinFailed, Assert.Single(troubles).Error);
    }

    [Fact]
    public async Task What_was_kept_for_another_fleet_is_not_believed()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await server.WantAsync("""{"a":1}""");
        await using (var device = broker.StartDevice(Options()))
            await TakeAsync(device, until: 1);

        await using var elsewhere = broker.StartDevice(Options() with { RootFingerprint = new string('1', 64) });

        Assert.Equal(0, elsewhere.Twin.AppliedVersion);
    }

    [Fact]
    public async Task A_second_reader_is_refused_and_the_first_ends_with_the_client()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        var device = broker.StartDevice(Options());
        var first = TakeAsync(device, until: 99);

        await Assert.ThrowsAsync<InvalidOperationException>(() => TakeAsync(device, until: 99));

        await device.DisposeAsync();
        Assert.Empty(await first.WaitAsync(Devices.Patience));
        await Assert.ThrowsAsync<DeviceException>(() => device.Twin.ReportAsync(Devices.Json("{}")));
    }

    [Fact]
    public async Task A_device_without_the_option_neither_asks_nor_listens()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var end = await broker.AcceptAsync();
        await end.ExpectAsync<Mqtt.Packets.ConnectPacket>();
        await end.SendAsync(new Mqtt.Packets.ConnAckPacket { Reason = Mqtt.ReasonCode.Success });

        Assert.Single((await end.ExpectAsync<Mqtt.Packets.SubscribePacket>()).Subscriptions);
        Assert.Equal(DeviceError.OptionsNotValid, Assert.Throws<DeviceException>(() => device.Twin).Error);
    }

    private DeviceOptions Options() => Devices.Quick() with { Twin = new TwinOptions { Folder = _folder.Path } };

    // Applies changes until that version is applied.
    private static async Task<List<DesiredChange>> TakeAsync(DeviceClient device, long until)
    {
        var taken = new List<DesiredChange>();
        using var enough = new CancellationTokenSource();
        var watching = Eventually.TrueAsync(() => Task.FromResult(device.Twin.AppliedVersion >= until || device.State is DeviceState.Stopped), Devices.Patience)
            .ContinueWith(_ => enough.Cancel(), TaskScheduler.Default);
        try
        {
            await foreach (var change in device.Twin.DesiredChangesAsync(enough.Token))
                taken.Add(change);
        }
        catch (OperationCanceledException) when (enough.IsCancellationRequested)
        {
            // It is applied.
        }

        await watching;
        return taken;
    }
}
