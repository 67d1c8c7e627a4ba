using System.Text.Json.Serialization;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Device.Tests.Twins;

public sealed partial class ReportTests
{
    [Fact]
    public async Task Reports_made_offline_are_merged_into_one_and_all_complete_when_it_is_stored()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Options());
        var reports = Enumerable.Range(0, 1_000).Select(i => device.Twin.ReportAsync(Devices.Json($$$"""{"n":{{{i}}},"k{{{i % 5}}}":{"v":{{{i}}}}}"""))).ToList();
        await using var server = new TwinServer(broker).Start();

        await Task.WhenAll(reports).WaitAsync(Devices.Patience);

        Assert.InRange(server.Reports.Count, 1, 2);            // the first may have been taken by a write loop already
        Assert.Equal("""{"n":999,"k0":{"v":995},"k1":{"v":996},"k2":{"v":997},"k3":{"v":998},"k4":{"v":999}}""", server.Reported);
    }

    [Fact]
    public async Task What_cannot_be_said_in_one_patch_is_sent_in_order()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Options());
        var reports = new[] { """{"a":{"x":1}}""", """{"a":null}""", """{"a":{"y":2}}""", """{"b":1}""" }.Select(patch => device.Twin.ReportAsync(Devices.Json(patch))).ToList();
        await using var server = new TwinServer(broker).Start();

        await Task.WhenAll(reports).WaitAsync(Devices.Patience);

        Assert.Equal("""{"a":{"y":2},"b":1}""", server.Reported);
        Assert.Equal(["""{"a":null}""", """{"a":{"y":2},"b":1}"""], server.Reports);
    }

    [Fact]
    public async Task A_report_whose_acknowledgement_was_lost_is_sent_again_before_what_came_later()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Options());
        var first = await broker.AcceptDeviceAsync();
        var question = await first.ExpectAsync<PublishPacket>();
        await first.AcknowledgeAsync(question);
        var one = device.Twin.ReportAsync(Devices.Json("""{"n":1}"""));
        Assert.Equal("""{"n":1}""", (await first.ExpectAsync<PublishPacket>()).Text());
        var two = device.Twin.ReportAsync(Devices.Json("""{"n":2}"""));
        await first.DisposeAsync();
        await using var server = new TwinServer(broker).Start();

        await Task.WhenAll(one, two).WaitAsync(Devices.Patience);

        Assert.Equal(["""{"n":1}""", """{"n":2}"""], server.Reports);
    }

    [Fact]
    public async Task A_refused_report_throws_with_the_servers_reason_and_the_next_one_is_stored()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker) { ReportAnswer = ReasonCode.PayloadFormatInvalid }.Start();
        await using var device = broker.StartDevice(Options());

        var refused = await Assert.ThrowsAsync<DeviceException>(() => device.Twin.ReportAsync(Devices.Json("""{"n":1}""")).WaitAsync(Devices.Patience));
        server.ReportAnswer = ReasonCode.Success;
        await device.Twin.ReportAsync(Devices.Json("""{"n":2}""")).WaitAsync(Devices.Patience);

        Assert.Equal(ReasonCode.PayloadFormatInvalid, refused.Reason);
        Assert.Equal("""{"n":2}""", server.Reported);
    }

    [Theory]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"$version\":1,\"$other\":1}")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("{\"a\":[[[[[[[[[[1]]]]]]]]]]}")]
    public async Task What_the_server_would_refuse_is_refused_before_it_is_merged_with_others(string patch)
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Options());

        await Assert.ThrowsAsync<ArgumentException>(() => device.Twin.ReportAsync(Devices.Json(patch)));
    }

    [Fact]
    public async Task Memory_is_bounded_when_nothing_can_be_merged()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Options());
        var full = await Assert.ThrowsAsync<DeviceException>(async () =>
        {
            for (var i = 0; i < 10; i++)
                _ = await Task.FromResult(device.Twin.ReportAsync(Devices.Json($$"""{"a{{i}}":"{{new string('x', 20_000)}}"}""")));
        });

        Assert.Equal(DeviceError.Dropped, full.Error);
    }

    [Fact]
    public async Task A_typed_report_is_written_without_reflection()
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await using var device = broker.StartDevice(Options());

        await device.Twin.ReportAsync(new Status("1.4.2", 21), StatusJson.Default.Status).WaitAsync(Devices.Patience);

        Assert.Equal("""{"firmware":"1.4.2","free":21}""", server.Reported);
    }

    private static DeviceOptions Options() => Devices.Quick() with { Twin = new TwinOptions() };

    private sealed record Status(string Firmware, int Free);

    [JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(Status))]
    private sealed partial class StatusJson : JsonSerializerContext;
}
