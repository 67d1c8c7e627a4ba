using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Server.Tests;

public sealed class FleetClientTests
{
    private const string Device = """{"id":"pump-7","state":"active","registeredAt":"2026-11-21T10:00:00Z","connected":true}""";

    [Fact]
    public async Task Problem_becomes_an_exception_with_its_code_and_detail()
    {
        using var fleet = new FleetClient(StubHandler.Problem(HttpStatusCode.NotFound,
            """{"status":404,"title":"Not found","detail":"There is no device pump-9.","code":"device-not-found"}""").ToClient());

        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => fleet.GetDeviceAsync("pump-9"));

        Assert.Equal((HttpStatusCode.NotFound, ProblemCodes.DeviceNotFound), (problem.Status, problem.Code));
        Assert.Equal("There is no device pump-9. (device-not-found)", problem.Message);
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized, "text/plain", "", ProblemCodes.Unauthorized)]
    [InlineData(HttpStatusCode.BadGateway, "text/html", "<h1>Bad gateway</h1>", "http-502")]
    [InlineData(HttpStatusCode.BadGateway, "application/problem+json", "not json", "http-502")]
    [InlineData(HttpStatusCode.OK, "application/json", "[]", "unexpected-answer")]
    public async Task Answer_that_is_not_the_servers_has_a_code_all_the_same(HttpStatusCode status, string type, string text, string code)
    {
        using var fleet = new FleetClient(new StubHandler(_ => StubHandler.Content(status, type, text)).ToClient());

        Assert.Equal(code, (await Assert.ThrowsAsync<ApiProblemException>(() => fleet.GetOverviewAsync())).Code);
    }

    [Fact]
    public async Task Nothing_listening_says_so_and_what_to_check()
    {
        var refused = new HttpRequestException("no", new SocketException((int)SocketError.ConnectionRefused));
        using var fleet = new FleetClient(new StubHandler(_ => throw refused).ToClient());

        var error = await Assert.ThrowsAsync<ServerUnreachableException>(() => fleet.GetOverviewAsync());

        Assert.StartsWith("Cannot reach fleet.test:8443", error.Message);
        Assert.Contains("Is the server running", error.Message);
    }

    [Fact]
    public async Task Untrusted_certificate_names_the_host_and_the_root()
    {
        var refused = new HttpRequestException("no", new AuthenticationException("The remote certificate was rejected"));
        using var fleet = new FleetClient(new StubHandler(_ => throw refused).ToClient());

        var error = await Assert.ThrowsAsync<ServerUnreachableException>(() => fleet.GetOverviewAsync());

        Assert.Contains("does not lead to the trusted root for the name 'fleet.test'", error.Message);
    }

    [Fact]
    public async Task List_is_read_page_after_page_by_the_cursor_the_server_gave()
    {
        var stub = StubHandler.Json($$"""{"items":[{{Device}}],"next":"a b&c"}""", $$"""{"items":[{{Device}}]}""");
        using var fleet = new FleetClient(stub.ToClient());

        var devices = await fleet.GetDevicesAsync(DeviceStates.Active, "pump-").ToListAsync();

        Assert.Equal(2, devices.Count);
        Assert.Equal(
            ["GET /api/v1/devices?state=active&prefix=pump-&limit=1000", "GET /api/v1/devices?state=active&prefix=pump-&cursor=a%20b%26c&limit=1000"],
            stub.Requests);
    }

    [Fact]
    public async Task Times_are_sent_in_utc_with_all_their_digits()
    {
        var stub = StubHandler.Json("""{"items":[]}""");
        using var fleet = new FleetClient(stub.ToClient());

        await fleet.GetTelemetryPageAsync("pump-7", from: new DateTimeOffset(2026, 11, 21, 12, 0, 0, 500, TimeSpan.FromHours(2)));

        Assert.Equal("GET /api/v1/telemetry/pump-7?from=2026-11-21T10%3A00%3A00.5000000%2B00%3A00", Assert.Single(stub.Requests));
    }

    [Fact]
    public async Task Id_with_reserved_characters_stays_one_path_segment()
    {
        var stub = StubHandler.Json(Device);
        using var fleet = new FleetClient(stub.ToClient());

        await fleet.SuspendDeviceAsync("a/b?c");

        Assert.Equal("POST /api/v1/devices/a%2Fb%3Fc/suspend", Assert.Single(stub.Requests));
    }

    [Fact]
    public async Task Body_of_a_record_keeps_the_digits_it_was_stored_with()
    {
        using var fleet = new FleetClient(StubHandler.Json("""
            {"deviceId":"pump-7","stream":"","time":"2026-11-21T10:00:00Z","receivedAt":"2026-11-21T10:00:00Z","sequence":7,"body":{"a":100.00,"b":1e3}}
            """).ToClient());

        var record = await fleet.GetLatestTelemetryAsync("pump-7");

        Assert.Equal("""{"a":100.00,"b":1e3}""", record.Body.GetRawText());
    }

    [Fact]
    public async Task Command_is_posted_with_its_payload_as_it_is()
    {
        var stub = StubHandler.Json("""{"id":"c1","deviceId":"pump-7","name":"set","state":"sent","sentBy":"ada","createdAt":"2026-01-01T00:00:00Z","deadline":"2026-01-01T00:01:00Z","delivered":true}""");
        using var fleet = new FleetClient(stub.ToClient());

        var command = new SendCommandRequest { Name = "set", Payload = JsonElement.Parse("""{"x":1.50}""") };
        var receipt = await fleet.SendCommandAsync("pump-7", command);

        Assert.True(receipt.Delivered);
        Assert.Equal("""{"name":"set","payload":{"x":1.50}}""", Assert.Single(stub.Bodies));
    }

    [Fact]
    public void Created_token_does_not_print_its_secret()
    {
        var token = new CreatedToken
        {
            Id = "t1",
            Name = "n",
            MaxUses = 1,
            Uses = 0,
            CreatedAt = default,
            ExpiresAt = default,
            Secret = "do-not-print",
        };

        Assert.DoesNotContain("do-not-print", token.ToString());
    }
}
