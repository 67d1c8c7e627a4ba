using System.Text;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>What mosquitto_pub sends, good and bad, in each format, and what REST says of it afterwards.</summary>
public sealed class FormatTests : IAsyncLifetime
{
    private const string Cbor = "application/cbor";
    private const string Sparkplug = "application/vnd.eclipse.sparkplug.b+protobuf";

    private readonly InteropFleet _fleet = new();
    private readonly TemporaryFolder _folder = new();

    private FleetClient Rest => _fleet.Server.Client;

    public ValueTask InitializeAsync() => _fleet.InitializeAsync(("Telemetry:Formats:0:Topic", "telemetry/plc/#"), ("Telemetry:Formats:0:Format", "sparkplug-b"));

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_batch_of_json_comes_back_reading_by_reading()
    {
        await PublishAsync("mqttv311", "telemetry", """[{"ts":1000,"a":{"b":1}},{"ts":2000,"a":{"b":2}}]"""u8.ToArray());

        var page = await Rest.GetTelemetryPageAsync("pump-7");

        Assert.Equal(["""{"ts":1000,"a":{"b":1}}""", """{"ts":2000,"a":{"b":2}}"""], page.Items.Select(item => item.Body.GetRawText()));
    }

    [Fact]
    public async Task Cbor_comes_back_as_json()
    {
        await PublishAsync("mqttv5", "telemetry/cbor", Convert.FromHexString("a2616bf93e00627473c11a697dec00"), Cbor);

        var latest = await Rest.GetLatestTelemetryAsync("pump-7");

        Assert.Equal("""{"k":1.5,"ts":"2026-01-31T11:48:16Z"}""", latest.Body.GetRawText());
        Assert.Equal(DateTimeOffset.Parse("2026-01-31T11:48:16Z"), latest.Time);
    }

    [Theory]
    [InlineData("mqttv5", "telemetry/any", Sparkplug)]
    [InlineData("mqttv5", "telemetry/plc/1", "application/json")]      // the topic's rule goes before the content type
    [InlineData("mqttv311", "telemetry/plc/1", null)]
    public async Task Sparkplug_comes_back_as_json(string version, string topic, string? contentType)
    {
        await PublishAsync(version, topic, Convert.FromHexString("08e807120b0a05537065656420035005"), contentType);

        var latest = await Rest.GetLatestTelemetryAsync("pump-7");

        Assert.Equal(("""{"ts":1000,"Speed":5}""", DateTimeOffset.FromUnixTimeSeconds(1)), (latest.Body.GetRawText(), latest.Time));
    }

    [Fact]
    public async Task Other_content_comes_back_as_it_is()
    {
        await PublishAsync("mqttv5", "telemetry/picture", [0x89, 0xFF, 0x00], "image/png");

        var latest = await Rest.GetLatestTelemetryAsync("pump-7");

        Assert.Equal("image/png", latest.ContentType);
        Assert.Equal([0x89, 0xFF, 0x00], latest.Body.GetBytesFromBase64());
    }

    [Theory]
    [InlineData("mqttv5", true)]
    [InlineData("mqttv311", false)]
    public async Task What_cannot_be_read_is_acknowledged_and_lies_in_the_quarantine(string version, bool told)
    {
        var said = await PublishAsync(version, "telemetry/x", "{\"t\":NaN}"u8.ToArray());
        await PublishAsync(version, "telemetry", "{\"t\":1}"u8.ToArray());

        var kept = await KeptAsync();
        Assert.Equal(told, said.Contains("Payload format invalid", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(("pump-7", "devices/pump-7/telemetry/x", "payload-not-json", 9), (kept.DeviceId, kept.Topic, kept.Code, kept.Length));
        Assert.Equal("{\"t\":NaN}", Encoding.UTF8.GetString((await Rest.GetQuarantinedAsync(kept.Id)).Body!));
        Assert.Equal(1, _fleet.Server.Refused("payload-not-json"));
        Assert.Equal("{\"t\":1}", (await Rest.GetLatestTelemetryAsync("pump-7")).Body.GetRawText());
    }

    [Fact]
    public async Task The_quarantine_is_filtered_and_emptied()
    {
        await PublishAsync("mqttv5", "telemetry", [0xA1], Cbor);
        await KeptAsync();

        Assert.Empty((await Rest.GetQuarantinePageAsync(device: "pump-8")).Items);
        Assert.Empty((await Rest.GetQuarantinePageAsync(code: "payload-not-json")).Items);
        Assert.Equal(0, (await Rest.DeleteQuarantinedAsync(code: "payload-not-json")).Deleted);
        Assert.Equal(1, (await Rest.DeleteQuarantinedAsync(device: "pump-7", code: "payload-not-cbor")).Deleted);
        Assert.Empty((await Rest.GetQuarantinePageAsync()).Items);
        var gone = await Assert.ThrowsAsync<ApiProblemException>(() => Rest.GetQuarantinedAsync(1));
        Assert.Equal(ProblemCodes.QuarantinedNotFound, gone.Code);
    }

    private async Task<QuarantinedMessage> KeptAsync() =>
        await Eventually.NotNullAsync(async () => (await Rest.GetQuarantinePageAsync("pump-7")).Items.SingleOrDefault());

    private async Task<string> PublishAsync(string version, string topic, byte[] payload, string? contentType = null)
    {
        Peers.Require("mosquitto_pub");
        var device = await _fleet.DeviceAsync("pump-7");
        await File.WriteAllBytesAsync(_folder.File("payload"), payload);
        var result = await Peers.RunAsync("mosquitto_pub",
        [
            "-h", "localhost", "-p", $"{_fleet.Server.MqttPort}", "-i", "pump-7", "--cafile", _fleet.Server.RootFile, "--cert", device.Certificate, "--key", device.Key,
            "-V", version, "-q", "1", "-t", $"devices/pump-7/{topic}", "-f", _folder.File("payload"),
            .. contentType is null ? Array.Empty<string>() : ["-D", "PUBLISH", "content-type", contentType],
        ]);
        Assert.True(result.ExitCode == 0, result.Everything);
        return result.Everything;
    }
}
