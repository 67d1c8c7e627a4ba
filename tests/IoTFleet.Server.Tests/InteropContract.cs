using System.Text.Json;
using System.Text.Json.Nodes;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>What a client library of somebody else has to get from the server; the same for each of them, and for each way it connects.</summary>
public abstract class InteropContract(InteropFleet fleet) : IAsyncLifetime
{
    private const string Device = "pump-7";

    private readonly Dictionary<string, string> _open = [];
    private InteropClients _clients = null!;
    private ClientFiles _device = null!;
    private ClientFiles _service = null!;

    /// <summary>MQTT 3.1.1 is protocol level 4.</summary>
    public static TheoryData<int> Versions => [4, 5];

    protected abstract bool OverWebSockets { get; }

    /// <summary>The reason code of a PUBACK reaches the application.</summary>
    protected virtual bool TellsWhyAPublishWasRefused => true;

    protected abstract Task<(string Program, string Script)> RequireAsync();

    public async ValueTask InitializeAsync()
    {
        var (program, script) = await RequireAsync();
        _clients = fleet.Clients(program, script);
        _device = await fleet.DeviceAsync(Device);
        _service = await fleet.ServiceAsync("backend", ["devices/#", "$SYS/#"], ["devices/+/commands/#"]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _open.Keys) await _clients.BeginAsync(client, "disconnect");
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Messages_of_each_qos_go_both_ways(int version)
    {
        var (device, service) = (await ConnectAsync(_device, version), await ConnectAsync(_service, version));
        await SubscribeAsync(service, "devices/+/events/#", 2);
        await SubscribeAsync(device, "devices/pump-7/commands/#", 2);

        for (var qos = 0; qos <= 2; qos++)
        {
            await PublishAsync(device, "devices/pump-7/events/started", $"event {qos}", qos);
            Expect(await _clients.MessageAsync(service), "devices/pump-7/events/started", $"event {qos}", qos);
            await PublishAsync(service, "devices/pump-7/commands/open", $"command {qos}", qos);
            Expect(await _clients.MessageAsync(device), "devices/pump-7/commands/open", $"command {qos}", qos);
        }
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Telemetry_that_was_acknowledged_is_stored(int version)
    {
        var device = await ConnectAsync(_device, version);
        for (var qos = 1; qos <= 2; qos++)
        {
            await PublishAsync(device, $"devices/pump-7/telemetry/v{version}", $"{{\"qos\":{qos}}}", qos);
            var stored = await fleet.Server.Client.GetLatestTelemetryAsync(Device);
            Assert.Equal(($"v{version}", $"{{\"qos\":{qos}}}"), (stored.Stream, stored.Body.GetRawText()));
        }
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_retained_message_waits_for_who_comes_later(int version)
    {
        var device = await ConnectAsync(_device, version);
        await PublishAsync(device, "devices/pump-7/events/state", "on", 1, retain: true);

        var service = await ConnectAsync(_service, version);
        await SubscribeAsync(service, "devices/pump-7/events/state", 1);
        var kept = await _clients.MessageAsync(service);
        Assert.Equal(("on", true), (kept.GetProperty("payload").GetString(), kept.GetProperty("retain").GetBoolean()));
        await PublishAsync(device, "devices/pump-7/events/state", "", 1, retain: true);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task The_will_of_a_device_that_vanishes_is_published(int version)
    {
        var service = await ConnectAsync(_service, version);
        await SubscribeAsync(service, "devices/pump-7/events/lost", 1);
        var device = await ConnectAsync(_device, version, new JsonObject { ["will"] = new JsonObject { ["topic"] = "devices/pump-7/events/lost", ["payload"] = "gone", ["qos"] = 1 } });

        Assert.Equal(0, InteropClients.Code(await _clients.DoAsync(device, "vanish")));
        Expect(await _clients.MessageAsync(service), "devices/pump-7/events/lost", "gone", 1);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_device_that_comes_back_finds_its_session_and_what_it_missed(int version)
    {
        JsonObject Kept() => new() { ["clean"] = false, ["expiry"] = 600 };
        var device = await ConnectAsync(_device, version, Kept());
        await SubscribeAsync(device, "devices/pump-7/commands/#", 1);
        await DisconnectAsync(device);

        var service = await ConnectAsync(_service, version);
        await PublishAsync(service, "devices/pump-7/commands/open", "while you slept", 1);
        device = Name();
        var answer = await _clients.DoAsync(device, "connect", Settings(_device, version, Kept()));
        _open[device] = Device;
        Assert.True(answer.GetProperty("sessionPresent").GetBoolean());
        Expect(await _clients.MessageAsync(device), "devices/pump-7/commands/open", "while you slept", 1);

        await DisconnectAsync(device);
        await ConnectAsync(_device, version);       // clean, so that the next test does not find it
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Workers_of_a_group_share_the_load(int version)
    {
        var device = await ConnectAsync(_device, version);
        string[] workers = [await ConnectAsync(_service, version), await ConnectAsync(_service, version)];
        foreach (var worker in workers) await SubscribeAsync(worker, "$share/workers/devices/pump-7/events/job", 1);

        for (var n = 0; n < 10; n++) await PublishAsync(device, "devices/pump-7/events/job", $"{n}", 1);
        var taken = new List<string>();
        foreach (var worker in workers)
        {
            for (var n = 0; n < 5; n++) taken.Add((await _clients.MessageAsync(worker)).GetProperty("payload").GetString()!);
        }
        Assert.Equal(Enumerable.Range(0, 10).Select(n => $"{n}"), taken.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Properties_arrive_unchanged_and_in_order()
    {
        var (device, service) = (await ConnectAsync(_device, 5), await ConnectAsync(_service, 5));
        await SubscribeAsync(device, "devices/pump-7/commands/#", 1);
        await PublishAsync(service, "devices/pump-7/commands/open", "{}", 1, properties: new JsonObject
        {
            ["contentType"] = "application/json",
            ["responseTopic"] = "devices/pump-7/events/opened",
            ["correlation"] = "AAEC/w==",
            ["expiry"] = 600,
            ["user"] = new JsonArray(new JsonArray("z", "1"), new JsonArray("a", "2"), new JsonArray("z", "3")),
        });

        var got = await _clients.MessageAsync(device);
        Assert.Equal("application/json", got.GetProperty("contentType").GetString());
        Assert.Equal("devices/pump-7/events/opened", got.GetProperty("responseTopic").GetString());
        Assert.Equal("AAEC/w==", got.GetProperty("correlation").GetString());
        Assert.True(got.GetProperty("utf8").GetBoolean());
        Assert.InRange(got.GetProperty("expiry").GetInt32(), 590, 600);
        var user = got.GetProperty("user").EnumerateArray().Select(pair => $"{pair[0]}={pair[1]}").ToList();
        Assert.Equal(["z=1", "z=3"], user.Where(pair => pair[0] == 'z'));       // between names, not every library keeps the order
        Assert.Contains("a=2", user);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task The_brokers_figures_are_read_by_a_service_with_a_rule_for_them(int version)
    {
        var service = await ConnectAsync(_service, version);
        await SubscribeAsync(service, "$SYS/broker/version", 0);
        Assert.Equal("$SYS/broker/version", (await _clients.MessageAsync(service)).GetProperty("topic").GetString());
    }

    [Fact]
    public async Task A_service_without_a_client_id_is_told_the_one_it_was_given()
    {
        var answer = await _clients.DoAsync(Name(), "connect", Settings(_service with { Id = "" }, 5, []));
        Assert.StartsWith("auto-", answer.GetProperty("assigned").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, 2)]
    [InlineData(5, 0x85)]
    public async Task Another_client_id_than_the_devices_is_refused_as_such(int version, int code)
    {
        var answer = await _clients.DoAsync(Name(), "connect", Settings(_device with { Id = "pump-8" }, version, []));
        Assert.Equal(code, InteropClients.Code(answer));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Without_a_certificate_there_is_no_connection(int version)
    {
        var settings = Settings(_device, version, []);
        settings.Remove("cert");
        settings.Remove("key");
        Assert.Equal(-1, InteropClients.Code(await _clients.DoAsync(Name(), "connect", settings)));
    }

    [Theory]
    [InlineData(4, 0x80)]
    [InlineData(5, 0x87)]
    public async Task A_subscription_to_what_is_not_the_devices_is_refused_as_such(int version, int code)
    {
        var device = await ConnectAsync(_device, version);
        var answer = await _clients.DoAsync(device, "subscribe", new JsonObject { ["filter"] = "devices/#", ["qos"] = 1 });
        Assert.Equal(code, Assert.Single(answer.GetProperty("codes").EnumerateArray()).GetInt32());
    }

    [Fact]
    public async Task A_publish_to_what_is_not_the_devices_is_refused_as_such()
    {
        var device = await ConnectAsync(_device, 5);
        var before = fleet.Server.Refused("publish-not-authorized");
        var answer = await _clients.DoAsync(device, "publish", Publication("devices/pump-8/events/started", "{}", 1));
        if (TellsWhyAPublishWasRefused) Assert.Equal(0x87, InteropClients.Code(answer));
        Assert.Equal(before + 1, fleet.Server.Refused("publish-not-authorized"));
    }

    [Fact]
    public async Task A_publish_to_what_is_not_the_devices_ends_an_older_clients_connection()
    {
        var device = await ConnectAsync(_device, 4);
        await _clients.BeginAsync(device, "publish", Publication("devices/pump-8/events/started", "{}", 1));
        await _clients.EndAsync(device);
    }

    [Theory]
    [InlineData(4, null)]
    [InlineData(5, 0x98)]
    public async Task A_revoked_service_is_told_so_and_goes(int version, int? code)
    {
        var name = $"temporary-{version}";
        var service = await ConnectAsync(await fleet.ServiceAsync(name, ["devices/#"], []), version);
        await fleet.Server.Client.RevokeServiceAsync(name);
        Assert.Equal(code, await _clients.EndAsync(service));
    }

    private async Task<string> ConnectAsync(ClientFiles who, int version, JsonObject? more = null)
    {
        var client = Name();
        var answer = await _clients.DoAsync(client, "connect", Settings(who, version, more ?? []));
        Assert.True(InteropClients.Code(answer) == 0, answer.GetRawText());
        _open[client] = who.Id;
        return client;
    }

    private async Task SubscribeAsync(string client, string filter, int qos)
    {
        var answer = await _clients.DoAsync(client, "subscribe", new JsonObject { ["filter"] = filter, ["qos"] = qos });
        Assert.Equal(qos, Assert.Single(answer.GetProperty("codes").EnumerateArray()).GetInt32());
    }

    private async Task PublishAsync(string client, string topic, string payload, int qos, bool retain = false, JsonObject? properties = null)
    {
        var answer = await _clients.DoAsync(client, "publish", Publication(topic, payload, qos, retain, properties));
        Assert.True(InteropClients.Code(answer) is 0 or null, answer.GetRawText());
    }

    private async Task DisconnectAsync(string client)
    {
        _open.Remove(client);
        await _clients.DoAsync(client, "disconnect");
        await _clients.EndAsync(client);
        await Eventually.TrueAsync(async () => !(await fleet.Server.Client.GetDeviceAsync(Device)).Connected);
    }

    private static JsonObject Publication(string topic, string payload, int qos, bool retain = false, JsonObject? properties = null) =>
        new() { ["topic"] = topic, ["payload"] = payload, ["qos"] = qos, ["retain"] = retain, ["properties"] = properties };

    private JsonObject Settings(ClientFiles who, int version, JsonObject more)
    {
        more["url"] = OverWebSockets ? $"wss://localhost:{fleet.Server.HttpsPort}/mqtt" : $"mqtts://localhost:{fleet.Server.MqttPort}";
        more["version"] = version;
        more["clientId"] = who.Id == "backend" ? Name() : who.Id;       // a service's own choice
        (more["ca"], more["cert"], more["key"]) = (fleet.Server.RootFile, who.Certificate, who.Key);
        return more;
    }

    private static string Name() => Guid.CreateVersion7().ToString("N");

    private static void Expect(JsonElement message, string topic, string payload, int qos) => Assert.Equal(
        (topic, payload, qos),
        (message.GetProperty("topic").GetString(), message.GetProperty("payload").GetString(), message.GetProperty("qos").GetInt32()));
}
