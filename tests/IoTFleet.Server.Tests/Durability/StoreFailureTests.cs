using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;
using Microsoft.Data.Sqlite;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>
/// The database of a running server fails, and comes back: nothing acknowledged is lost, devices wait and keep their sessions, <c>/readyz</c> says so, and all
/// goes on without a restart.
/// </summary>
public sealed class StoreFailureTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const string CommandFailed = "Microsoft.EntityFrameworkCore.Database.Command.CommandError";
    private const string TransactionFailed = "Microsoft.EntityFrameworkCore.Database.Transaction.TransactionError";
    private const string SaveFailed = "Microsoft.EntityFrameworkCore.Update.SaveChangesFailed";

    /// <summary>What a server says whose disk is full or locked; nothing else may be in its log.</summary>
    private static readonly string[] Complaints =
        ["TelemetryRetried", "HealthCheckEnd", "SightingsNotStored", "NodeNotReported", "SessionsNotStored", "RevocationFeedUnread", "TelemetryNotRolledUp", "TelemetryNotMerged", "UnitsNotStored", CommandFailed, TransactionFailed, SaveFailed];

    [Fact]
    public async Task A_log_that_another_process_locks_makes_devices_wait_and_nothing_else()
    {
        await using var server = await RunningServer.StartAsync();
        server.ExpectedEvents = Complaints;
        using var certificate = await server.EnrolAsync("pump-1");
        await using var device = await server.ConnectAsync("pump-1", certificate);
        await using (await LockAsync(Path.Combine(server.DataPath, "telemetry-log.db")))
        {
            await device.SendAsync(Telemetry(1), Telemetry(2));
            await UnreadyAsync(server, "The telemetry store's log fails since");

            await device.ExpectNothingAsync();
            using var other = await server.EnrolAsync("pump-2");
            await using var second = await server.ConnectAsync("pump-2", other);
            Assert.Equal(2, (await server.Client.GetDevicesPageAsync()).Items.Count);
        }

        await AcknowledgedAsync(device, 1, 2);
        Assert.Equal([1, 2], await StoredAsync(server, "pump-1"));
        await ReadyAsync(server);
    }

    [Fact]
    public async Task While_the_log_is_locked_the_queue_is_bounded_and_QoS_0_is_dropped_and_counted()
    {
        await using var server = await RunningServer.StartAsync(("Telemetry:Capacity", "10"), ("Telemetry:MaxBatch", "5"));
        server.ExpectedEvents = Complaints;
        using var certificate = await server.EnrolAsync("pump-1");
        await using var device = await server.ConnectAsync("pump-1", certificate);
        var ingest = server.Get<TelemetryIngest>();
        await using (await LockAsync(Path.Combine(server.DataPath, "telemetry-log.db")))
        {
            using var chatty = await server.EnrolAsync("pump-2");
            await using var second = await server.ConnectAsync("pump-2", chatty);
            await second.SendAsync([.. Enumerable.Range(1, 100).Select(n => RawClient.Publish("devices/pump-2/telemetry", Body(n)))]);
            await second.ExpectNothingAsync();
            await device.SendAsync([.. Enumerable.Range(1, 50).Select(n => Telemetry(n))]);
            await UnreadyAsync(server, "log fails");

            Assert.InRange(ingest.Accepted, 10, 20);
            Assert.InRange(server.Get<Fleet.FleetMetrics>().TelemetryDropped, 80, 95);
        }

        await AcknowledgedAsync(device, Enumerable.Range(1, 50));
        Assert.Equal(Enumerable.Range(1, 50), await StoredAsync(server, "pump-1"));
    }

    [Fact]
    public async Task Tables_that_another_process_locks_fill_the_log_until_it_holds_all_it_may()
    {
        await using var server = await RunningServer.StartAsync(("Telemetry:MaxTailMegabytes", "1"), ("Telemetry:MergeEvery", "00:00:00.050"));
        server.ExpectedEvents = Complaints;
        using var certificate = await server.EnrolAsync("pump-1");
        await using var device = await server.ConnectAsync("pump-1", certificate);
        await using (await LockAsync(Path.Combine(server.DataPath, "telemetry.db")))
        {
            await device.SendAsync(Telemetry(1));
            await AcknowledgedAsync(device, 1); // the log is another file
            Assert.Equal([1], await StoredAsync(server, "pump-1"));
            await device.SendAsync([.. Enumerable.Range(2, 20).Select(n => Telemetry(n, pad: 150_000))]);
            await UnreadyAsync(server, "The telemetry store's merge fails since", "nothing more is stored");
        }

        await AcknowledgedAsync(device, Enumerable.Range(2, 20));
        Assert.Equal(Enumerable.Range(1, 21), await StoredAsync(server, "pump-1"));
        await ReadyAsync(server);
    }

    [Fact]
    public async Task On_a_full_disk_devices_wait_and_all_goes_on_when_there_is_room()
    {
        using var disk = SmallDisk.Mount(megabytes: 64);
        await using var server = await RunningServer.StartAsync(disk.Folder, keepFolder: true, ("Telemetry:MergeEvery", "00:00:00.200"));
        server.ExpectedEvents = Complaints;
        using var certificate = await server.EnrolAsync("pump-1");
        await using var device = await server.ConnectAsync("pump-1", certificate);
        await device.SendAsync(Telemetry(1));
        await AcknowledgedAsync(device, 1);

        disk.Fill();
        await device.SendAsync([.. Enumerable.Range(2, 50).Select(n => Telemetry(n, pad: 20_000))]);
        await UnreadyAsync(server, "The telemetry store's log fails since");
        Assert.Single((await server.Client.GetDevicesPageAsync()).Items); // reading goes on
        disk.Free();

        await AcknowledgedAsync(device, Enumerable.Range(2, 50));
        await ReadyAsync(server);
        Assert.Equal(Enumerable.Range(1, 51), await StoredAsync(server, "pump-1"));
        using var other = await server.EnrolAsync("pump-2");
    }

    [Fact]
    public async Task A_start_on_a_full_disk_says_so_in_a_line_and_the_next_one_finds_everything()
    {
        using var disk = SmallDisk.Mount(megabytes: 64);
        await using (var before = await RunningServer.StartAsync(disk.Folder, keepFolder: true))
        {
            using var certificate = await before.EnrolAsync("pump-1");
            await using var device = await before.ConnectAsync("pump-1", certificate);
            await device.SendAsync(Telemetry(1));
            await AcknowledgedAsync(device, 1);
        }
        disk.Fill();

        var problem = await Assert.ThrowsAsync<StartupException>(() => RunningServer.StartAsync(disk.Folder, keepFolder: true));

        Assert.Contains(disk.Folder.Path, problem.Message, StringComparison.Ordinal);
        Assert.Contains("full", problem.Message, StringComparison.Ordinal);
        disk.Free();
        await using var after = await RunningServer.StartAsync(disk.Folder, keepFolder: true);
        Assert.Equal([1], await StoredAsync(after, "pump-1"));
    }

    private static async Task<SqliteTransactionScope> LockAsync(string file)
    {
        var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        await connection.OpenAsync();
        return new SqliteTransactionScope(connection, connection.BeginTransaction(deferred: false));
    }

    private static PublishPacket Telemetry(int number) => Telemetry(number, pad: 0);

    private static PublishPacket Telemetry(int number, int pad) =>
        RawClient.Publish("devices/pump-1/telemetry", Body(number, pad), QualityOfService.AtLeastOnce, (ushort)number);

    private static string Body(int number, int pad = 0) => $$"""{"ts":{{1_700_000_000_000 + number}},"n":{{number}},"pad":"{{new string('x', pad)}}"}""";

    private static Task AcknowledgedAsync(RawClient device, params int[] numbers) => AcknowledgedAsync(device, (IEnumerable<int>)numbers);

    private static async Task AcknowledgedAsync(RawClient device, IEnumerable<int> numbers)
    {
        foreach (var number in numbers)
        {
            var ack = await device.ExpectAsync<PubAckPacket>();
            Assert.Equal((number, ReasonCode.Success), (ack.PacketId, ack.Reason is ReasonCode.NoMatchingSubscribers ? ReasonCode.Success : ack.Reason));
        }
    }

    private static async Task<List<int>> StoredAsync(RunningServer server, string device) =>
        await server.Client.GetTelemetryAsync(device).Select(record => record.Body.GetProperty("n").GetInt32()).ToListAsync();

    private static Task UnreadyAsync(RunningServer server, params string[] says) => Eventually.TrueAsync(async () =>
    {
        var (status, text) = await AskAsync(server);
        return status == 503 && says.All(word => text.Contains(word, StringComparison.Ordinal));
    }, Patience);

    private static Task ReadyAsync(RunningServer server) => Eventually.TrueAsync(async () => await AskAsync(server) is (200, "Healthy"), Patience);

    private static async Task<(int Status, string Text)> AskAsync(RunningServer server)
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(server.RootFile).CreateHandler());
        using var answer = await http.GetAsync(string.Create(CultureInfo.InvariantCulture, $"https://localhost:{server.HttpsPort}/readyz"));
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private sealed class SqliteTransactionScope(SqliteConnection connection, SqliteTransaction transaction) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
