using IoTFleet.Benchmarks.Brokers;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet;
using IoTFleet.Fleet.PostgreSql;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Mqtt;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Benchmarks.Durable;

/// <summary>The server's telemetry behind the benchmark's broker: payload reader, ingest, log, merger.</summary>
internal sealed class StoreUnderTest(string name, string folder) : OwnBroker.IStoreUnderTest
{
    /// <summary>No store: each message is acknowledged as soon as it was read.</summary>
    public const string None = "none";

    /// <summary>Everything but the database: what is committed is forgotten.</summary>
    public const string Memory = "memory";

    public const string Sqlite = "sqlite";

    /// <summary>The cluster's connection string is in the folder.</summary>
    public const string PostgreSql = "postgresql";

    public static IReadOnlyList<string> Names => [None, Memory, Sqlite, PostgreSql];

    public static string ConnectionFile(string folder) => Path.Combine(folder, "postgresql.txt");

    public static OwnBroker.IStoreUnderTest? Named(string name, string folder) => name == None ? null : new StoreUnderTest(name, folder);

    public void AddTo(IServiceCollection services)
    {
        services.AddSingleton(TimeProvider.System).AddSingleton<FleetMetrics>().AddSingleton(new FleetNode("benchmark"));
        services.AddTelemetry(new TelemetryOptions()).AddSingleton(new PayloadReader());
        if (name == PostgreSql) services.AddPostgreSqlTelemetry(File.ReadAllText(ConnectionFile(folder)));
        else services.AddSqliteTelemetry(Path.Combine(folder, $"{name}.db"), Path.Combine(folder, $"{name}-log.db"));
        if (name == Memory) services.AddSingleton<ITelemetryStore, Forgetful>();
        services.AddSingleton<IMessageSink, Sink>();
    }

    public async Task StartAsync(IServiceProvider services)
    {
        await services.GetRequiredService<TelemetryDatabase>().MigrateAsync(default);
        await services.GetRequiredService<TelemetryIngest>().StartAsync(default);
    }

    private sealed class Sink(PayloadReader payloads, TelemetryIngest ingest) : IMessageSink
    {
        public async ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken)
        {
            var arrival = new Arrival(publisher.ClientId, "", message.Payload, null, message.ReceivedAt);
            if (!payloads.TryRead(arrival, out var readings, out var problem)) throw new InvalidOperationException(problem.Detail);
            return new Acceptance(ReasonCode.Success, await ingest.AcceptAsync(readings, cancellationToken));
        }
    }

    private sealed class Forgetful : ITelemetryStore
    {
        public Task AppendAsync(LogEntry entry, CancellationToken ct) => Task.CompletedTask;

        public Task<IReadOnlyList<LogEntry>> ReadLogAsync(long beyond, int limit, CancellationToken ct) => Task.FromResult<IReadOnlyList<LogEntry>>([]);

        public Task ForgetLogAsync(long upTo, CancellationToken ct) => Task.CompletedTask;

        public Task MergeAsync(MergeSlice slice, CancellationToken ct) => Task.CompletedTask;
    }
}
