using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>mosquitto_pub, _sub and _rr, as devices that enrolled over EST and as services.</summary>
public sealed class MosquittoInteropTests(InteropFleet fleet) : IClassFixture<InteropFleet>, IAsyncLifetime
{
    private ClientFiles _device = null!;
    private ClientFiles _service = null!;

    public static TheoryData<string> Versions => ["mqttv311", "mqttv5"];

    public async ValueTask InitializeAsync()
    {
        foreach (var program in (string[])["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"]) Peers.Require(program);
        _device = await fleet.DeviceAsync("pump-7");
        _service = await fleet.ServiceAsync("backend", ["devices/#", "$SYS/#"], ["devices/+/commands/#"]);
    }

    public ValueTask DisposeAsync() => default;

    [Theory]
    [MemberData(nameof(VersionsAndQos))]
    public async Task A_service_reads_what_a_device_publishes(string version, string qos)
    {
        var topic = $"devices/pump-7/events/{version}-{qos}";
        await SubscribeAsync(_service, version, topic);
        await SendAsync(_device, version, "-q", qos == "0" ? "1" : qos, "-t", topic, "-m", "stored for later");
        Assert.Equal($"{topic} stored for later", await NextAsync(_service, version, topic, "%t %p"));

        var receiving = RunAsync("mosquitto_sub", _service, version, "-q", "2", "-C", "1", "-t", topic, "-F", "%t %q %p");
        while (!receiving.IsCompleted) await SendAsync(_device, version, "-q", qos, "-t", topic, "-m", "started");
        Assert.Equal($"{topic} {qos} started", (await receiving).Output.Trim());
    }

    [Theory]
    [MemberData(nameof(VersionsAndQos))]
    public async Task A_device_gets_the_command_of_a_service(string version, string qos)
    {
        var topic = $"devices/pump-7/commands/{version}-{qos}";
        var receiving = RunAsync("mosquitto_sub", _device, version, "-q", "2", "-C", "1", "-t", topic, "-F", "%q %p");
        while (!receiving.IsCompleted) await SendAsync(_service, version, "-q", qos, "-t", topic, "-m", "open");
        Assert.Equal($"{qos} open", (await receiving).Output.Trim());
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_command_waits_for_a_device_that_sleeps(string version)
    {
        const string Topic = "devices/pump-7/commands/wake";
        await SubscribeAsync(_device, version, Topic);
        await SendAsync(_service, version, "-q", "2", "-t", Topic, "-m", "while you slept");
        Assert.Equal("while you slept", await NextAsync(_device, version, Topic, "%p"));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_device_reports_and_is_told_what_is_wanted_of_it(string version)
    {
        const string Topics = "devices/pump-7/twin/";
        await SendAsync(_device, version, "-q", "1", "-t", Topics + "reported", "-m", $$$"""{"firmware":"{{{version}}}"}""");
        Assert.Equal(version, (await fleet.Server.Client.GetTwinAsync("pump-7")).Reported.GetProperty("firmware").GetString());
        var wanted = await fleet.Server.Client.ReplaceDesiredAsync("pump-7", System.Text.Json.JsonElement.Parse($$$"""{"interval":60,"for":"{{{version}}}"}"""));
        var now = wanted.DesiredVersion;

        var told = await RunAsync("mosquitto_sub", _device, version, "-q", "1", "-C", "1", "-t", Topics + "desired");
        Assert.Equal($$$"""{"version":{{{now}}},"desired":{"interval":60,"for":"{{{version}}}"}}""", told.Output.Trim());
        await fleet.Server.Client.ChangeDesiredAsync("pump-7", System.Text.Json.JsonElement.Parse("""{"interval":10}"""));
        var asked = await RunAsync("mosquitto_rr", _device, version, "-q", "1", "-W", "30", "-t", Topics + "get", "-e", Topics + "delta", "-m", $$"""{"version":{{now}}}""");
        Assert.Equal($$$"""{"version":{{{now + 1}}},"from":{{{now}}},"patch":{"interval":10}}""", asked.Output.Trim());
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_retained_message_waits_for_who_comes_later(string version)
    {
        const string Topic = "devices/pump-7/events/state";
        await SendAsync(_device, version, "-q", "1", "-r", "-t", Topic, "-m", "on");
        Assert.Equal("1 on", (await RunAsync("mosquitto_sub", _service, version, "-C", "1", "-t", Topic, "-F", "%r %p")).Output.Trim());
        await SendAsync(_device, version, "-q", "1", "-r", "-n", "-t", Topic);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task The_will_of_a_device_that_is_killed_is_published(string version)
    {
        const string Topic = "devices/pump-7/events/lost";
        await SubscribeAsync(_service, version, Topic);
        using var device = Peers.Start("mosquitto_sub", [.. Connection(_device), "-V", version, "-i", _device.Id, "-t", "devices/pump-7/commands/#",
            "--will-topic", Topic, "--will-payload", "gone", "--will-qos", "1"]);
        await Eventually.TrueAsync(async () => (await fleet.Server.Client.GetDeviceAsync("pump-7")).Connected);
        device.Kill();

        Assert.Equal("gone", await NextAsync(_service, version, Topic, "%p"));
    }

    [Fact]
    public async Task A_request_is_answered_by_its_response_topic_and_correlation_data()
    {
        const string Ask = "devices/pump-7/commands/ping", Answer = "devices/pump-7/events/pong";
        await SubscribeAsync(_device, "mqttv5", Ask);
        var asking = RunAsync("mosquitto_rr", _service, "mqttv5", "-q", "1", "-W", "20", "-t", Ask, "-e", Answer,
            "-D", "publish", "correlation-data", "42", "-m", "are you there", "-F", "%D %p");

        Assert.Equal($"{Answer} 42 are you there", await NextAsync(_device, "mqttv5", Ask, "%R %D %p"));
        await SendAsync(_device, "mqttv5", "-q", "1", "-t", Answer, "-D", "publish", "correlation-data", "42", "-m", "yes");
        Assert.Equal("42 yes", (await asking).Output.Trim());
    }

    [Fact]
    public async Task Properties_arrive_unchanged_and_in_order()
    {
        const string Topic = "devices/pump-7/commands/properties";
        await SubscribeAsync(_device, "mqttv5", Topic);
        await SendAsync(_service, "mqttv5", "-q", "1", "-t", Topic, "-m", "{}", "-D", "publish", "content-type", "application/json", "-D", "publish", "payload-format-indicator", "1",
            "-D", "publish", "user-property", "z", "1", "-D", "publish", "user-property", "a", "2", "-D", "publish", "user-property", "z", "3");
        Assert.Equal("application/json 1 z:1 a:2 z:3", await NextAsync(_device, "mqttv5", Topic, "%C %F %P"));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task The_brokers_figures_are_read_by_a_service_and_by_no_device(string version)
    {
        Assert.Contains("version", (await RunAsync("mosquitto_sub", _service, version, "-C", "1", "-t", "$SYS/broker/version", "-F", "%t")).Output, StringComparison.Ordinal);
        var refused = await RunAsync("mosquitto_sub", _device, version, "-C", "1", "-t", "$SYS/broker/version");
        Assert.Contains("All subscription requests were denied", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mqttv311", "identifier rejected")]
    [InlineData("mqttv5", "Client Identifier not valid")]
    public async Task Another_client_id_than_the_devices_is_refused_as_such(string version, string words)
    {
        var refused = await RunAsync("mosquitto_pub", _device with { Id = "pump-8" }, version, "-t", "devices/pump-8/events/x", "-m", "x");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains(words, refused.Everything, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_service_needs_no_client_id()
    {
        var sent = await Peers.RunAsync("mosquitto_pub", [.. Connection(_service), "-V", "mqttv5", "-q", "1", "-t", "devices/pump-7/commands/x", "-m", "x"]);
        Assert.True(sent.ExitCode == 0, sent.Everything);
    }

    public static TheoryData<string, string> VersionsAndQos()
    {
        var both = new TheoryData<string, string>();
        foreach (var version in (string[])["mqttv311", "mqttv5"])
        {
            foreach (var qos in (string[])["0", "1", "2"]) both.Add(version, qos);
        }
        return both;
    }

    /// <summary>Leaves a session with this subscription behind, so that nothing published from now on can be missed.</summary>
    private async Task SubscribeAsync(ClientFiles who, string version, string topic)
    {
        var done = await RunAsync("mosquitto_sub", who, version, [.. Kept(version), "-E", "-q", "2", "-t", topic]);
        Assert.True(done.ExitCode == 0, done.Everything);
    }

    /// <summary>The first message that such a session has or gets; the session ends by a clean connection.</summary>
    private async Task<string> NextAsync(ClientFiles who, string version, string topic, string format)
    {
        var got = await RunAsync("mosquitto_sub", who, version, [.. Kept(version), "-q", "2", "-C", "1", "-t", topic, "-F", format]);
        Assert.True(got.ExitCode == 0, got.Everything);
        await RunAsync("mosquitto_sub", who, version, "-E", "-t", topic);
        return got.Output.Trim();
    }

    private static string[] Kept(string version) => version == "mqttv5" ? ["-c", "-x", "600"] : ["-c"];

    private async Task SendAsync(ClientFiles who, string version, params string[] arguments)
    {
        var sent = await RunAsync("mosquitto_pub", who, version, arguments);
        Assert.True(sent.ExitCode == 0, sent.Everything);
    }

    private Task<PeerResult> RunAsync(string program, ClientFiles who, string version, params string[] arguments) =>
        Peers.RunAsync(program, [.. Connection(who), "-V", version, "-i", who.Id, .. arguments]);

    private string[] Connection(ClientFiles who) =>
        ["-h", "localhost", "-p", $"{fleet.Server.MqttPort}", "--cafile", fleet.Server.RootFile, "--cert", who.Certificate, "--key", who.Key];
}
