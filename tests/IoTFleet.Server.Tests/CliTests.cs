using System.Net;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Cli;

namespace IoTFleet.Server.Tests;

public sealed class CliTests : IDisposable
{
    private const string Device =
        """{"id":"pump-7","displayName":"Pump 7","state":"active","registeredAt":"2026-11-21T10:00:00Z","connected":false}""";

    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cli-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Device_list_is_a_table_with_a_line_for_each_device()
    {
        Assert.Equal(ExitCodes.Done, await RunAsync(StubHandler.Json($$"""{"items":[{{Device}}]}"""), "device", "list"));

        var lines = _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["ID", "STATE", "CONNECTED", "SINCE", "REGISTERED", "NAME"], Words(lines[0]));
        Assert.Equal(["pump-7", "active", "-", "2026-11-21", "10:00:00Z", "Pump", "7"], Words(lines[1]));
    }

    [Fact]
    public async Task Json_output_is_what_the_api_has()
    {
        Assert.Equal(ExitCodes.Done, await RunAsync(StubHandler.Json($$"""{"items":[{{Device}}]}"""), "device", "list", "-o", "json"));

        var device = Assert.Single(JsonElement.Parse(_output.ToString()).EnumerateArray());
        Assert.Equal("Pump 7", device.GetProperty("displayName").GetString());
        Assert.False(device.GetProperty("connected").GetBoolean());
    }

    [Theory]
    [InlineData("GET /api/v1/overview", "overview")]
    [InlineData("GET /api/v1/devices?state=active&prefix=p&limit=1000", "device", "list", "--state", "active", "--prefix", "p")]
    [InlineData("GET /api/v1/devices/pump-7", "device", "get", "pump-7")]
    [InlineData("POST /api/v1/devices", "device", "register", "pump-7", "--name", "Pump 7")]
    [InlineData("POST /api/v1/devices/pump-7/suspend", "device", "suspend", "pump-7")]
    [InlineData("POST /api/v1/devices/pump-7/resume", "device", "resume", "pump-7")]
    [InlineData("POST /api/v1/devices/pump-7/revoke", "device", "revoke", "pump-7", "--reason", "keyCompromise")]
    [InlineData("POST /api/v1/tokens", "token", "create", "--name", "batch")]
    [InlineData("GET /api/v1/tokens?limit=1000", "token", "list")]
    [InlineData("DELETE /api/v1/tokens/t1", "token", "revoke", "t1")]
    [InlineData("GET /api/v1/groups", "group", "list")]
    [InlineData("GET /api/v1/groups/line-1", "group", "get", "line-1")]
    [InlineData("POST /api/v1/groups", "group", "create", "line-1", "--way", "token", "--max-devices", "5")]
    [InlineData("GET /api/v1/groups/line-1", "group", "set", "line-1", "--max-devices", "none")]
    [InlineData("POST /api/v1/groups/line-1/close", "group", "close", "line-1")]
    [InlineData("POST /api/v1/groups/line-1/open", "group", "open", "line-1")]
    [InlineData("GET /api/v1/authorities", "ca", "list")]
    [InlineData("POST /api/v1/authorities", "ca", "prepare", "devices")]
    [InlineData("GET /api/v1/authorities/drill?purpose=root&limit=5", "ca", "drill", "--dry-run", "--of", "root", "--limit", "5")]
    [InlineData("GET /api/v1/services", "service", "list")]
    [InlineData("GET /api/v1/services/billing", "service", "get", "billing")]
    [InlineData("POST /api/v1/services/billing/revoke", "service", "revoke", "billing", "--reason", "superseded")]
    [InlineData("GET /api/v1/telemetry/pump-7/latest", "telemetry", "latest", "pump-7")]
    [InlineData("GET /api/v1/telemetry/pump-7?from=2026-11-21T10%3A00%3A00.0000000%2B00%3A00&limit=1000",
        "telemetry", "range", "pump-7", "--from", "2026-11-21T10:00:00")]
    [InlineData("GET /api/v1/devices/pump-7/twin", "twin", "show", "pump-7")]
    [InlineData("PATCH /api/v1/devices/pump-7/twin/desired", "twin", "set", "pump-7", """{"a":1}""", "--if-match", "3")]
    [InlineData("PUT /api/v1/devices/pump-7/twin/desired", "twin", "replace", "pump-7", """{"a":1}""")]
    [InlineData("GET /api/v1/twins?inSync=false&limit=1000", "twin", "list", "--not-in-sync")]
    [InlineData("POST /api/v1/twins/desired", "twin", "set-many", """{"a":1}""", "--group", "line-1", "--confirm", "2")]
    [InlineData("POST /api/v1/devices/pump-7/commands", "command", "send", "pump-7", "reboot")]
    public async Task Each_verb_makes_its_request(string request, params string[] arguments)
    {
        var stub = StubHandler.Problem(HttpStatusCode.Forbidden, """{"status":403,"title":"No","code":"forbidden"}""");

        Assert.Equal(ExitCodes.Refused, await RunAsync(stub, arguments));

        Assert.Equal(request, Assert.Single(stub.Requests));
    }

    [Fact]
    public async Task Refusal_is_one_line_on_standard_error_with_code_and_advice()
    {
        var stub = StubHandler.Problem(HttpStatusCode.Conflict,
            """{"status":409,"title":"Exists","detail":"There is a device pump-7 already; choose another id.","code":"device-exists"}""");

        Assert.Equal(ExitCodes.Refused, await RunAsync(stub, "device", "register", "pump-7"));

        Assert.Equal("There is a device pump-7 already; choose another id. (device-exists)", _errors.ToString().Trim());
        Assert.Empty(_output.ToString());
    }

    [Fact]
    public async Task No_answer_has_an_exit_code_of_its_own()
    {
        Assert.Equal(ExitCodes.Unreachable, await RunAsync(new StubHandler(_ => throw new HttpRequestException("down")), "overview"));

        Assert.Equal("Cannot reach fleet.test:8443: down", _errors.ToString().Trim());
    }

    [Fact]
    public async Task Created_token_shows_its_secret_once_and_says_so()
    {
        var stub = StubHandler.Json("""
            {"id":"t1","name":"batch","maxUses":5,"uses":0,"createdAt":"2026-11-21T10:00:00Z","expiresAt":"2026-11-23T10:00:00Z","secret":"s3cret"}
            """);

        Assert.Equal(ExitCodes.Done, await RunAsync(stub, "token", "create", "--name", "batch", "--uses", "5", "--valid-hours", "48"));

        Assert.Equal("""{"name":"batch","maxUses":5,"expiresInSeconds":172800}""", Assert.Single(stub.Bodies));
        Assert.Contains("s3cret", _output.ToString());
        Assert.Contains("cannot be shown again", _output.ToString());
    }

    [Fact]
    public async Task Range_prints_bodies_with_their_own_digits_and_stops_at_the_limit()
    {
        const string Record =
            """{"deviceId":"d","stream":"","time":"2026-11-21T10:00:00.25Z","receivedAt":"2026-11-21T10:00:01Z","sequence":7,"body":{"a":100.00}}""";

        await RunAsync(StubHandler.Json($$"""{"items":[{{Record}},{{Record}},{{Record}}]}"""), "telemetry", "range", "d", "--limit", "2");

        var lines = _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal(["2026-11-21", "10:00:00.250Z", "-", "7", """{"a":100.00}"""], Words(lines[1]));
    }

    [Theory]
    [InlineData("device")]
    [InlineData("device", "list", "--state", "asleep")]
    [InlineData("device", "get")]
    [InlineData("overview", "-o", "xml")]
    [InlineData("overview", "--api-key", "secret")]
    [InlineData("token", "create", "--name", "n", "--valid-hours", "0")]
    [InlineData("telemetry", "range", "d", "--from", "yesterday")]
    [InlineData("telemetry", "range", "d", "--limit", "0")]
    [InlineData("twin", "set", "d", "{")]
    [InlineData("command", "send", "d", "reboot", "{")]
    public async Task Wrong_usage_is_one_line_and_asks_no_server(params string[] arguments)
    {
        var stub = new StubHandler(_ => throw new InvalidOperationException("asked"));

        Assert.Equal(ExitCodes.WrongUsage, await RunAsync(stub, arguments));

        Assert.Single(_errors.ToString().TrimEnd('\n').Split('\n'));
        Assert.Empty(stub.Requests);
    }

    [Theory]
    [InlineData("Which server?")]
    [InlineData("must be an https address", "--server", "http://fleet.test")]
    [InlineData("Whose key?", "--server", "https://fleet.test")]
    [InlineData("The API key cannot be read", "--server", "https://fleet.test", "--api-key-file", "/nowhere.key")]
    [InlineData("How is the server known?", "--server", "https://fleet.test", "--api-key-file", "/dev/null")]
    [InlineData("not both", "--server", "https://fleet.test", "--api-key-file", "/dev/null", "--root", "r", "--fingerprint", "f")]
    [InlineData("holds no certificate", "--server", "https://fleet.test", "--api-key-file", "/dev/null", "--root", "/dev/null")]
    [InlineData("64 hex digits", "--server", "https://fleet.test", "--api-key-file", "/dev/null", "--fingerprint", "12")]
    [InlineData("No server runs on /nowhere", "--data", "/nowhere")]
    public async Task Connection_that_is_not_fully_named_says_what_is_missing(string message, params string[] options)
    {
        var cli = new CommandLine(_output, _errors, new Connection(_ => null));

        Assert.Equal(ExitCodes.WrongUsage, await cli.InvokeAsync(["overview", .. options]));

        Assert.Contains(message, _errors.ToString());
    }

    [Fact]
    public async Task Data_folder_stands_for_address_root_and_key()
    {
        var file = new ServerFile
        {
            ProcessId = 1,
            MqttPort = 8883,
            HttpsPort = 1,
            RootFingerprint = new string('0', 64),
            RootFile = Path.Combine(_folder.FullName, "root.pem"),
            ApiKeyFile = "/dev/null",
        };
        File.WriteAllText(Path.Combine(_folder.FullName, ServerFile.FileName), JsonSerializer.Serialize(file, ApiJson.Default.ServerFile));
        var cli = new CommandLine(_output, _errors, new Connection(name => name == "IOTFLEET_DATA" ? _folder.FullName : null));

        Assert.Equal(ExitCodes.WrongUsage, await cli.InvokeAsync(["overview"]));

        Assert.Contains($"The root certificate cannot be read: Could not find file '{file.RootFile}'", _errors.ToString());
    }

    private Task<int> RunAsync(StubHandler stub, params string[] arguments) =>
        new CommandLine(_output, _errors, new Connection(_ => null), (_, _) => Task.FromResult(new FleetClient(stub.ToClient())))
            .InvokeAsync(arguments);

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
