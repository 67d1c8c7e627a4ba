using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>As <see cref="StoreFailureTests"/>, on PostgreSQL: what a database server does to those it serves.</summary>
public sealed class PostgreSqlFailureTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>What is said while a database is away or refuses; nothing else may be in the log.</summary>
    private static readonly string[] Complaints =
    [
        "UnitsNotStored", "AdmissionFailed", "TelemetryRetried", "TelemetryNotRolledUp", "TelemetryNotPruned", "TelemetryNotMerged", "HealthCheckEnd", "HealthCheckError",
        "RevocationFeedUnread", "NodeNotReported", "SightingsNotStored", "FirstUseNotStored", "CrlsNotPublished", "AuthoritiesUnread", "AbsentNotSwept", "RenewalPaceUnknown",
        RelationalEventId.ConnectionError.Name!, RelationalEventId.CommandError.Name!, RelationalEventId.TransactionError.Name!, CoreEventId.QueryIterationFailed.Name!, CoreEventId.SaveChangesFailed.Name!,
    ];

    private PostgreSqlCluster _cluster = null!;
    private string _database = "";

    public async ValueTask InitializeAsync()
    {
        _cluster = await PostgreSqlCluster.StartAsync();
        _database = await _cluster.CreateDatabaseAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Stopped_and_started_under_load_it_loses_nothing_acknowledged_and_devices_keep_their_connection()
    {
        await using var server = await StartAsync();
        using var enough = new CancellationTokenSource();
        var acknowledged = new ConcurrentDictionary<string, int>();
        var devices = await Task.WhenAll(Enumerable.Range(1, 4).Select(n => ConnectAsync(server, $"pump-{n}")));
        var sending = devices.Select((device, i) => SendAsync(device, $"pump-{i + 1}", acknowledged, enough.Token)).ToList();
        await UntilAsync(acknowledged, 200);

        await _cluster.StopAsync();
        await UnreadyAsync(server, "The telemetry store's log fails since");
        await _cluster.ResumeAsync();
        await UntilAsync(acknowledged, acknowledged.Values.Sum() + 200);
        await enough.CancelAsync();
        await Task.WhenAll(sending);

        foreach (var (name, last) in acknowledged) Assert.Equal(Enumerable.Range(1, last), await StoredAsync(server, name));
        await ReadyAsync(server);
        foreach (var device in devices) await device.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_that_is_cut_in_mid_append_is_replaced_and_nothing_is_stored_twice()
    {
        await using var server = await StartAsync();
        await using var device = await ConnectAsync(server, "pump-1");
        await using (await HoldAsync("""LOCK TABLE "TelemetryLog" IN EXCLUSIVE MODE"""))
        {
            await device.SendAsync(Telemetry("pump-1", 1), Telemetry("pump-1", 2));
            await _cluster.ExecuteAsync($"SELECT pg_terminate_backend({await WaitingAsync("INSERT INTO \"TelemetryLog\"")})");
            await UnreadyAsync(server, "log fails since", "(57P01)");
        }

        await AcknowledgedAsync(device, 1, 2);
        Assert.Equal([1, 2], await StoredAsync(server, "pump-1"));
        await ReadyAsync(server);
    }

    [Fact]
    public async Task A_connection_that_is_cut_in_mid_copy_makes_the_merge_begin_anew_and_nothing_is_stored_twice()
    {
        await using var server = await StartAsync();
        await using var device = await ConnectAsync(server, "pump-1");
        await MergedAsync(device, 1);
        await using (await HoldAsync("""LOCK TABLE "Telemetry" IN EXCLUSIVE MODE"""))
        {
            await device.SendAsync(Telemetry("pump-1", 2), Telemetry("pump-1", 3));
            await AcknowledgedAsync(device, 2, 3); // by the log
            await _cluster.ExecuteAsync($"SELECT pg_terminate_backend({await WaitingAsync("COPY \"Telemetry\"")})");
            await SaysAsync(server, 200, "merge fails since", "(57P01)");
        }

        await ReadyAsync(server);
        await RowsAsync(3);
        Assert.Equal([1, 2, 3], await StoredAsync(server, "pump-1"));
    }

    [Fact]
    public async Task A_merge_that_is_the_victim_of_a_deadlock_is_done_again()
    {
        await _cluster.ExecuteAsync($"ALTER DATABASE {_database} SET deadlock_timeout = '6s'"); // when the merge looks whether it waits in a circle
        await using var server = await StartAsync();
        await using var device = await ConnectAsync(server, "pump-1");
        await MergedAsync(device, 1);
        await using (var other = await HoldAsync("""SET deadlock_timeout = '5min'; LOCK TABLE "Telemetry" IN EXCLUSIVE MODE"""))
        {
            await device.SendAsync(Telemetry("pump-1", 2));
            await AcknowledgedAsync(device, 2);
            await WaitingAsync("COPY \"Telemetry\""); // by now it holds the device's row, which we ask for
            await other.ExecuteAsync("""UPDATE "TelemetryDevices" SET "LastReceivedUs" = "LastReceivedUs" """);
            await SaysAsync(server, 200, "merge fails since", "(40P01)");
        }

        await ReadyAsync(server);
        await RowsAsync(2);
        Assert.Equal([1, 2], await StoredAsync(server, "pump-1"));
    }

    [Fact]
    public async Task A_store_that_takes_two_seconds_for_each_commit_slows_devices_and_nothing_else()
    {
        await using var server = await StartAsync();
        await using var device = await ConnectAsync(server, "pump-1");
        await _cluster.ExecuteAsync("""
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); RETURN NEW; END';
            CREATE TRIGGER slow BEFORE INSERT ON "TelemetryLog" FOR EACH ROW EXECUTE FUNCTION slow();
            """, _database);

        await device.SendAsync([.. Enumerable.Range(1, 60).Select(n => Telemetry("pump-1", n))]);
        await WaitingAsync("INSERT INTO \"TelemetryLog\"", "Timeout"); // asleep
        await using (var other = await ConnectAsync(server, "pump-2")) await other.ExpectNothingAsync();
        Assert.Equal((200, "Healthy"), await AskAsync(server));

        await AcknowledgedAsync(device, [.. Enumerable.Range(1, 60)]);
        Assert.Equal(Enumerable.Range(1, 60), await StoredAsync(server, "pump-1"));
    }

    [Fact]
    public async Task On_a_full_disk_devices_wait_and_all_goes_on_when_there_is_room()
    {
        using var disk = SmallDisk.Mount(megabytes: 32);
        await using var server = await StartAsync();
        await using var device = await ConnectAsync(server, "pump-1");
        await _cluster.CreateTablespaceAsync("small", disk.Folder.File("space"));
        await _cluster.ExecuteAsync("""ALTER TABLE "TelemetryLog" SET TABLESPACE small""", _database);
        disk.Fill();

        await device.SendAsync([.. Enumerable.Range(1, 20).Select(n => Telemetry("pump-1", n, pad: 20_000))]);
        await UnreadyAsync(server, "The telemetry store's log fails since", "(53100)");
        Assert.Single((await server.Client.GetDevicesPageAsync()).Items);
        disk.Free();

        await AcknowledgedAsync(device, [.. Enumerable.Range(1, 20)]);
        await ReadyAsync(server);
        Assert.Equal(Enumerable.Range(1, 20), await StoredAsync(server, "pump-1"));
        await _cluster.StopAsync(immediately: true); // before its disk goes
    }

    [Fact]
    public async Task What_does_not_mend_itself_is_said_until_somebody_mends_it()
    {
        await using var server = await StartAsync();
        await using var device = await ConnectAsync(server, "pump-1");
        await _cluster.ExecuteAsync("""ALTER TABLE "TelemetryDevices" RENAME TO "Elsewhere" """, _database);

        await device.SendAsync(Telemetry("pump-1", 1));
        await UnreadyAsync(server, "The telemetry store's log fails since", "(42P01)");
        await device.ExpectNothingAsync();
        await _cluster.ExecuteAsync("""ALTER TABLE "Elsewhere" RENAME TO "TelemetryDevices" """, _database);

        await AcknowledgedAsync(device, 1);
        await ReadyAsync(server);
    }

    [Fact]
    public async Task A_text_with_U_0000_is_the_callers_mistake()
    {
        await using var server = await StartAsync();

        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "line\0one" }));

        Assert.Equal(HttpStatusCode.BadRequest, problem.Status);
        Assert.Contains("U+0000", problem.Message, StringComparison.Ordinal);
    }

    private async Task<RunningServer> StartAsync()
    {
        var server = await RunningServer.StartAsync(
            ("IoTFleet:Database", "postgresql"), ("IoTFleet:ConnectionString", _cluster.ConnectionString(_database)), ("Telemetry:MergeEvery", "00:00:00.050"));
        server.ExpectedEvents = Complaints;
        return server;
    }

    private static async Task<RawClient> ConnectAsync(RunningServer server, string device)
    {
        using var certificate = await server.EnrolAsync(device);
        return await server.ConnectAsync(device, certificate);
    }

    /// <summary>One after the other, as fast as they are acknowledged.</summary>
    private static async Task SendAsync(RawClient device, string name, ConcurrentDictionary<string, int> acknowledged, CancellationToken enough)
    {
        for (var n = 1; !enough.IsCancellationRequested; n++)
        {
            await device.SendAsync(Telemetry(name, n));
            await AcknowledgedAsync(device, n);
            acknowledged[name] = n;
        }
    }

    private static Task UntilAsync(ConcurrentDictionary<string, int> acknowledged, int sum) => Eventually.TrueAsync(() => Task.FromResult(acknowledged.Values.Sum() >= sum), Patience);

    private async Task MergedAsync(RawClient device, int number)
    {
        await device.SendAsync(Telemetry("pump-1", number));
        await AcknowledgedAsync(device, number);
        await RowsAsync(number);
    }

    private Task RowsAsync(int count) => Eventually.TrueAsync(async () => await _cluster.ScalarAsync<long>("""SELECT count(*) FROM "Telemetry" """, _database) == count, Patience);

    /// <summary>The process that waits in this statement.</summary>
    private async Task<int> WaitingAsync(string statement, string @for = "Lock")
    {
        var process = 0;
        await Eventually.TrueAsync(
            async () => (process = await _cluster.ScalarAsync<int>($"SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE starts_with(query, '{statement}') AND state = 'active' AND wait_event_type = '{@for}'")) != 0, Patience);
        return process;
    }

    private async Task<Holder> HoldAsync(string sql)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_cluster.ConnectionString(_database)) { Pooling = false, CommandTimeout = 0 }.ToString());
        await connection.OpenAsync();
        var holder = new Holder(connection, await connection.BeginTransactionAsync());
        await holder.ExecuteAsync(sql);
        return holder;
    }

    private static PublishPacket Telemetry(string device, int number, int pad = 0) => RawClient.Publish(
        $"devices/{device}/telemetry", $$"""{"ts":{{1_700_000_000_000 + number}},"n":{{number}},"pad":"{{new string('x', pad)}}"}""", QualityOfService.AtLeastOnce, (ushort)((number - 1) % ushort.MaxValue + 1));

    private static async Task AcknowledgedAsync(RawClient device, params int[] numbers)
    {
        foreach (var number in numbers)
        {
            var ack = await device.ExpectAsync<PubAckPacket>();
            Assert.Equal((ushort)((number - 1) % ushort.MaxValue + 1), ack.PacketId);
            Assert.True(ack.Reason is ReasonCode.Success or ReasonCode.NoMatchingSubscribers, $"{ack.Reason}");
        }
    }

    private static async Task<List<int>> StoredAsync(RunningServer server, string device) =>
        await server.Client.GetTelemetryAsync(device).Select(record => record.Body.GetProperty("n").GetInt32()).ToListAsync();

    private static Task UnreadyAsync(RunningServer server, params string[] says) => SaysAsync(server, 503, says);

    private static Task SaysAsync(RunningServer server, int status, params string[] says) => Eventually.TrueAsync(async () =>
    {
        var (given, text) = await AskAsync(server);
        return given == status && says.All(word => text.Contains(word, StringComparison.Ordinal));
    }, Patience);

    private static Task ReadyAsync(RunningServer server) => SaysAsync(server, 200, "Healthy");

    private static async Task<(int Status, string Text)> AskAsync(RunningServer server)
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(server.RootFile).CreateHandler());
        using var answer = await http.GetAsync(string.Create(CultureInfo.InvariantCulture, $"https://localhost:{server.HttpsPort}/readyz"));
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>A transaction of somebody else's.</summary>
    private sealed class Holder(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection, transaction);
            await command.ExecuteNonQueryAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
