using System.Diagnostics;
using System.Text.Json;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Server.Tests.Alerts;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>What an operator types about telemetry and alerts: the program itself against a server, with what it prints and the exit codes that scripts go by.</summary>
public sealed class TelemetryCliTests(TelemetryCliTests.Fleet fleet) : IClassFixture<TelemetryCliTests.Fleet>, IDisposable
{
    private static readonly string[] Span = ["--from", "2026-01-01", "--to", "2026-01-02"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Values_history_and_buckets_are_shown_as_tables_and_as_json()
    {
        Assert.Matches(@"pump-7 +- +motor\.on +true +2026-01-01 00:02:00Z", await DoneAsync("telemetry", "values", "pump-7"));
        Assert.Equal(30, (await JsonAsync("telemetry", "values", "-m", "motor.t"))[0].GetProperty("values")[0].GetProperty("value").GetInt32());
        Assert.Matches(@"2026-01-01 00:01:00\.000Z +- +motor\.t=20", await DoneAsync(["telemetry", "history", "pump-7", "-m", "motor.t", .. Span]));
        Assert.Equal([30, 20], (await JsonAsync("telemetry", "history", "pump-7", "-m", "motor.t", "--newest", "--limit", "2")).EnumerateArray().Select(reading => reading.GetProperty("values").GetProperty("motor.t").GetInt32()));
        Assert.Matches(@"motor\.t +2026-01-01 00:00:00Z +3 +10 +20 +30 +60 +10 +30", await DoneAsync(["telemetry", "buckets", "pump-7", "-m", "motor.t", .. Span]));

        var bucket = (await JsonAsync(["telemetry", "buckets", "pump-7", "-m", "motor.t", "--bucket", "1d", "--aggregates", "count,p50", .. Span]))[0].GetProperty("buckets")[0];
        Assert.Equal((3, 20), (bucket.GetProperty("count").GetInt32(), bucket.GetProperty("p50").GetInt32()));
    }

    [Fact]
    public async Task An_export_is_a_file_and_one_that_is_refused_leaves_the_last_one_as_it_was()
    {
        var file = _folder.File("pump.csv");
        Assert.Contains("bytes", await DoneAsync("telemetry", "export", "pump-7", "-m", "motor.t", "--file", file), StringComparison.Ordinal);
        Assert.Equal(4, (await File.ReadAllLinesAsync(file)).Length);

        Assert.Contains("device-not-found", await FailedAsync(1, "telemetry", "export", "nobody", "--file", file), StringComparison.Ordinal);
        Assert.Contains("invalid-request", await FailedAsync(1, "telemetry", "export", "pump-7", "--format", "xml", "--file", file), StringComparison.Ordinal);
        Assert.Contains("cannot be written", await FailedAsync(2, "telemetry", "export", "pump-7", "--file", _folder.File("nowhere/pump.csv")), StringComparison.Ordinal);

        Assert.Equal(4, (await File.ReadAllLinesAsync(file)).Length);
        Assert.Equal(["pump.csv"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData(1, "device-not-found", "telemetry", "latest", "nobody")]
    [InlineData(1, "device-not-found", "telemetry", "history", "nobody")]
    [InlineData(1, "device-not-found", "telemetry", "values", "nobody")]
    [InlineData(1, "'metric' must have 1 to 256 characters", "telemetry", "values", "-m", "")]
    [InlineData(2, "'yesterday' is not a time", "telemetry", "history", "pump-7", "--from", "yesterday")]
    [InlineData(2, "--limit must be at least 1", "telemetry", "history", "pump-7", "--limit", "0")]
    [InlineData(2, "--from is needed", "telemetry", "buckets", "pump-7")]
    [InlineData(1, "'from' must be before 'to'", "telemetry", "buckets", "pump-7", "--from", "2026-01-02", "--to", "2026-01-01")]
    [InlineData(1, "'bucket' must be a width", "telemetry", "buckets", "pump-7", "--from", "2026-01-01", "--to", "2026-01-02", "--bucket", "7x")]
    [InlineData(1, "quarantined-not-found", "quarantine", "show", "99")]
    [InlineData(2, "Say which", "quarantine", "delete")]
    [InlineData(2, "Give one of --above, --below and --either", "rule", "create", "hot", "--metric", "t", "--above", "1", "--below", "2")]
    [InlineData(1, "A limit is needed", "rule", "create", "hot", "--metric", "t")]
    [InlineData(1, "rule-not-found", "rule", "change", "nobody", "--above", "3")]
    [InlineData(1, "alert-not-found", "alert", "ack", "nobody")]
    [InlineData(1, "'wrong' is no state", "alert", "list", "--state", "wrong")]
    [InlineData(1, "webhook-not-found", "webhook", "test", "nobody")]
    [InlineData(1, "webhook-not-found", "webhook", "rotate", "nobody")]
    [InlineData(1, "An address begins with https://", "webhook", "create", "ops", "ftp://ops.example/")]
    [InlineData(1, "delivery-not-found", "webhook", "replay", "nobody")]
    public async Task What_cannot_be_answered_is_one_line_that_says_why_and_an_exit_code(int exitCode, string problem, params string[] arguments)
    {
        var errors = await FailedAsync(exitCode, arguments);

        Assert.Contains(problem, errors, StringComparison.Ordinal);
        Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task What_could_not_be_read_is_listed_shown_and_deleted()
    {
        var one = await Eventually.NotNullAsync(async () => (await fleet.Server.Client.GetQuarantinePageAsync()).Items.SingleOrDefault());

        Assert.Matches(@"devices/pump-7/telemetry +payload-not-json +5 ", await DoneAsync("quarantine", "list", "--device", "pump-7"));
        Assert.Matches("payload +{\"t\":", await DoneAsync("quarantine", "show", $"{one.Id}"));
        Assert.Equal(1, (await JsonAsync("quarantine", "delete", "--code", "payload-not-json")).GetProperty("deleted").GetInt32());
        Assert.Empty((await JsonAsync("quarantine", "list")).EnumerateArray());
    }

    [Fact]
    public async Task A_rule_opens_an_alert_that_is_acknowledged_and_closed_and_its_receiver_is_told()
    {
        await using var receiver = await Receiver.StartAsync();
        var created = await JsonAsync("webhook", "create", "ops", receiver.Url);
        Assert.StartsWith("iotfleet_hook_", created.GetProperty("secret").GetString(), StringComparison.Ordinal);
        Assert.Matches(@"opens +above 25", await DoneAsync("rule", "create", "hot", "--metric", "motor.t", "--above", "25", "--webhook", "ops", "--severity", "critical"));

        await Eventually.TrueAsync(() => Task.FromResult(!receiver.Calls.IsEmpty)); // of the newest value, which was there before
        var alert = Assert.Single((await JsonAsync("alert", "list", "--state", "open")).EnumerateArray());
        var id = alert.GetProperty("id").GetString()!;
        Assert.Matches($@"{id} +open +critical +hot +pump-7 ", await DoneAsync("alert", "list"));
        Assert.Equal("acknowledged", (await JsonAsync("alert", "ack", id, "--note", "on my way")).GetProperty("state").GetString());
        Assert.Matches(@"note +on my way", await DoneAsync("alert", "close", id));
        Assert.Contains("alert-closed", await FailedAsync(1, "alert", "ack", id), StringComparison.Ordinal);
        Assert.Contains("ops", await DoneAsync("webhook", "deliveries", "--alert", id), StringComparison.Ordinal);
        Assert.Equal("Rule hot deleted.", (await DoneAsync("rule", "delete", "hot")).Trim());
    }

    [Fact]
    public async Task A_webhooks_secret_is_changed_and_its_receiver_tried()
    {
        await using var receiver = (await Receiver.StartAsync()).Then(204).Then(500);
        var first = (await JsonAsync("webhook", "create", "night", receiver.Url)).GetProperty("secret").GetString();

        var rotated = await JsonAsync("webhook", "rotate", "night", "--keep", "48");
        Assert.NotEqual(first, rotated.GetProperty("secret").GetString());
        Assert.Contains("webhook-rotating", await FailedAsync(1, "webhook", "rotate", "night"), StringComparison.Ordinal);
        Assert.Matches(@"delivered +yes\s+status +204\s+milliseconds +\d", await DoneAsync("webhook", "test", "night"));
        Assert.Contains("Only the newest secret signs.", await DoneAsync("webhook", "retire", "night"), StringComparison.Ordinal);
        Assert.Contains("The receiver did not take it: It answered 500.", await FailedAsync(1, "webhook", "test", "night"), StringComparison.Ordinal);

        Assert.Equal([2, 1], receiver.Calls.Select(call => call.Signature.Split(',').Length));
        Assert.DoesNotContain("iotfleet_hook_", await DoneAsync("webhook", "list", "-o", "json"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_live_view_shows_what_is_stored_until_it_is_interrupted()
    {
        using var watch = Peers.Start("dotnet", Program, "telemetry", "watch", "pump-7", "--data", fleet.Server.DataPath);
        var line = watch.StandardOutput.ReadLineAsync();
        using var certificate = await fleet.Server.EnrolAsync("pump-7");
        await using var device = await fleet.Server.ConnectAsync("pump-7", certificate);
        ushort id = 0;
        await Eventually.TrueAsync(async () =>
        {
            await device.PublishAsync("devices/pump-7/telemetry", """{"live":1}""", QualityOfService.AtLeastOnce, ++id); // until it watches
            await device.ExpectAsync<PubAckPacket>();
            return line.IsCompleted;
        });

        Assert.EndsWith("""pump-7  {"live":1}""", await line, StringComparison.Ordinal);
        using var interrupt = Process.Start("sh", ["-c", $"kill -INT {watch.Id}"]);
        await watch.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(130, watch.ExitCode);
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "iotfleet.dll");

    private async Task<string> DoneAsync(params string[] arguments) => (await RunAsync(0, arguments)).Output;

    private async Task<JsonElement> JsonAsync(params string[] arguments) => JsonElement.Parse(await DoneAsync([.. arguments, "-o", "json"]));

    private async Task<string> FailedAsync(int exitCode, params string[] arguments) => (await RunAsync(exitCode, arguments)).Errors;

    private async Task<PeerResult> RunAsync(int exitCode, string[] arguments)
    {
        var result = await Peers.RunAsync("dotnet", [Program, .. arguments, "--data", fleet.Server.DataPath]);
        Assert.True(result.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {result.ExitCode} {result.Everything}");
        return result;
    }

    /// <summary>A server with a device that has sent three readings and something that is none.</summary>
    public sealed class Fleet : IAsyncLifetime
    {
        public RunningServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await RunningServer.StartAsync(("Webhooks:AllowPrivateAddresses", "true"), ("Webhooks:AllowHttp", "true"), ("Webhooks:Timeout", "00:01:59"));
            using var certificate = await Server.EnrolAsync("pump-7");
            await using var device = await Server.ConnectAsync("pump-7", certificate);
            string[] payloads = ["""[{"ts":1767225600000,"motor":{"t":10}},{"ts":1767225660000,"motor":{"t":20}},{"ts":1767225720000,"motor":{"t":30,"on":true}}]""", """{"t":"""];
            foreach (var (i, payload) in payloads.Index())
            {
                await device.PublishAsync("devices/pump-7/telemetry", payload, QualityOfService.AtLeastOnce, (ushort)(i + 1));
                await device.ExpectAsync<PubAckPacket>();
            }
        }

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
