using System.Net;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace IoTFleet.Server.Tests;

/// <summary>The server on PostgreSQL, of this machine's package, which a test may stop.</summary>
public sealed class PostgreSqlTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private PostgreSqlCluster _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await PostgreSqlCluster.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_device_enrols_sends_is_found_after_a_restart_and_is_shut_out()
    {
        await using var server = await StartAsync(await _cluster.CreateDatabaseAsync());
        using var certificate = await server.EnrolAsync("pump-7");
        await using (var device = await server.ConnectAsync("pump-7", certificate)) await PublishAsync(device, 1);

        await server.RestartAsync();
        await using var again = await server.ConnectAsync("pump-7", certificate);
        await PublishAsync(again, 2);
        await server.Client.RevokeDeviceAsync("pump-7");

        await again.ExpectAsync<DisconnectPacket>();
        var stored = new List<int>();
        await foreach (var record in server.Client.GetTelemetryAsync("pump-7")) stored.Add(record.Body.GetProperty("n").GetInt32());
        Assert.Equal([1, 2], stored.Order());
        Assert.False(File.Exists(Path.Combine(server.DataPath, "fleet.db")));
    }

    [Fact]
    public async Task While_the_database_is_away_nobody_new_is_let_in_nothing_acked_is_lost_and_all_of_it_recovers()
    {
        await using var server = await StartAsync(await _cluster.CreateDatabaseAsync());
        server.ExpectedEvents = ExpectedOfAnOutage;
        using var certificate = await server.EnrolAsync("pump-7");
        using var other = await server.EnrolAsync("pump-8");
        await using var device = await server.ConnectAsync("pump-7", certificate);

        await _cluster.StopAsync(immediately: true);
        await device.SendAsync(Telemetry(1));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadinessAsync(server));
        await using (var refused = await server.OpenAsync(other)) Assert.Equal(ReasonCode.ServerUnavailable, (await refused.ConnectAsync("pump-8")).Reason);
        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "t" }));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, ProblemCodes.DatabaseUnavailable), (problem.Status, problem.Code));

        await _cluster.ResumeAsync();
        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<PubAckPacket>()).Reason); // the one that was sent while it was away
        await Eventually.TrueAsync(async () => await ReadinessAsync(server) == HttpStatusCode.OK);
        await using var admitted = await server.ConnectAsync("pump-8", other);
        Assert.Equal(1, (await server.Client.GetLatestTelemetryAsync("pump-7")).Body.GetProperty("n").GetInt32());
        Assert.NotEmpty((await server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "t" })).Secret);
    }

    [Fact]
    public async Task A_server_process_that_is_killed_finds_everything_on_its_database()
    {
        (string, string)[] settings = [.. Settings(await _cluster.CreateDatabaseAsync()).Select(setting => (setting.Name.Replace(":", "__", StringComparison.Ordinal), setting.Value))];
        string[] arguments = ["--data", _folder.Path, "--mqtt-port", "0", "--https-port", "0"];
        await using var first = ServerProgram.Start(arguments, settings);
        var ready = await first.ReadyAsync(_folder.Path);
        using (var fleet = await ClientAsync(ready)) await fleet.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "pump-7" });
        ServerProgram.Kill(ready.ProcessId);
        await first.ExitCodeAsync();
        File.Delete(Path.Combine(_folder.Path, ServerFile.FileName));

        await using var second = ServerProgram.Start(arguments, settings);
        using var again = await ClientAsync(await second.ReadyAsync(_folder.Path));
        Assert.Equal("pump-7", (await again.GetDeviceAsync("pump-7")).Id);
        Assert.DoesNotContain("Password", first.Output + second.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_server_that_starts_while_its_database_recovers_waits_for_it()
    {
        var database = await _cluster.CreateDatabaseAsync();
        await _cluster.StopAsync();
        await _cluster.ResumeRecoveringAsync();
        var starting = StartAsync(database);
        await Eventually.TrueAsync(() => Task.FromResult(_cluster.Log.Contains("the database system is", StringComparison.Ordinal))); // what the server was told

        Assert.False(starting.IsCompleted);
        await _cluster.AdmitAsync();
        await using var server = await starting;

        Assert.Equal(HttpStatusCode.OK, await ReadinessAsync(server));
    }

    [Theory]
    [InlineData("Host=/nowhere;Username=fleet;Database=x", "cannot be reached")]
    [InlineData("Password=secret;Nonsense=1", "is not one of PostgreSQL")]
    [InlineData("", "there is no connection string")]
    public async Task What_the_operator_can_mend_is_said_in_one_line(string connectionString, string said) => await ExpectRefusalAsync(connectionString, said);

    [Fact]
    public async Task A_wrong_password_is_said_in_one_line_without_it() =>
        await ExpectRefusalAsync(_cluster.ConnectionString("postgres", "wrong-secret"), "does not let user fleet in", hidden: "wrong-secret");

    [Fact]
    public async Task A_database_that_is_not_there_is_said_with_how_to_make_it() =>
        await ExpectRefusalAsync(_cluster.ConnectionString("absent"), "CREATE DATABASE absent OWNER fleet");

    /// <summary>Said by whoever asked the database meanwhile.</summary>
    private static readonly string[] ExpectedOfAnOutage =
    [
        "UnitsNotStored", "AdmissionFailed", "TelemetryRetried", "TelemetryNotRolledUp", "TelemetryNotPruned", "HealthCheckEnd", "HealthCheckError",
        "RevocationFeedUnread", "NodeNotReported", "SightingsNotStored", "FirstUseNotStored", "CrlsNotPublished", "AuthoritiesUnread", "AbsentNotSwept", "RenewalPaceUnknown",
        RelationalEventId.ConnectionError.Name!, RelationalEventId.CommandError.Name!, RelationalEventId.TransactionError.Name!, CoreEventId.QueryIterationFailed.Name!, CoreEventId.SaveChangesFailed.Name!,
    ];

    private async Task<RunningServer> StartAsync(string database) => await RunningServer.StartAsync(_folder, keepFolder: true, Settings(database));

    private (string Name, string Value)[] Settings(string database) =>
        [("IoTFleet:Database", "postgresql"), ("IoTFleet:ConnectionString", _cluster.ConnectionString(database))];

    private async Task ExpectRefusalAsync(string connectionString, string said, string? hidden = null)
    {
        await using var program = ServerProgram.Start(
            ["--data", _folder.Path, "--mqtt-port", "0", "--https-port", "0"], ("IoTFleet__Database", "postgresql"), ("IoTFleet__ConnectionString", connectionString));

        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.Contains(said, Assert.Single(program.Output.Split('\n'), line => !line.Contains(" info: ", StringComparison.Ordinal)), StringComparison.Ordinal);
        if (hidden is not null) Assert.DoesNotContain(hidden, program.Output, StringComparison.Ordinal);
    }

    private static async Task PublishAsync(RawClient device, int n)
    {
        await device.SendAsync(Telemetry(n));
        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<PubAckPacket>()).Reason);
    }

    private static PublishPacket Telemetry(int n) => new()
    {
        Topic = TopicName.Parse("devices/pump-7/telemetry"),
        Payload = Encoding.UTF8.GetBytes($$"""{"n":{{n}}}"""),
        Qos = QualityOfService.AtLeastOnce,
        PacketId = (ushort)n,
    };

    private static async Task<HttpStatusCode> ReadinessAsync(RunningServer server)
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(server.RootFile).CreateHandler());
        using var answer = await http.GetAsync(new Uri($"https://localhost:{server.HttpsPort}/readyz"));
        return answer.StatusCode;
    }

    private async Task<FleetClient> ClientAsync(ServerFile ready) => new(
        new Uri($"https://localhost:{ready.HttpsPort}"), (await File.ReadAllTextAsync(ready.ApiKeyFile)).Trim(), ServerTrust.FromRootFile(Path.Combine(_folder.Path, "ca", "root.pem")));
}
