using IoTFleet.Testing;

namespace IoTFleet.Crash;

/// <summary>How the database dies.</summary>
internal enum Outage
{
    /// <summary>It lives on.</summary>
    None,

    /// <summary>All at once and without a word to anybody, as with the power of its machine.</summary>
    Power,

    /// <summary><c>kill -9</c> of its first process and of all that serve somebody.</summary>
    Kill,

    /// <summary><c>kill -9</c> of one process that serves the server: PostgreSQL then throws out everybody, recovers and goes on by itself.</summary>
    Backend,
}

/// <summary>A PostgreSQL cluster of the run's own, which dies and comes back.</summary>
internal sealed class MortalDatabase(PostgreSqlCluster cluster, string database, Random random) : IAsyncDisposable
{
    public string ConnectionString => cluster.ConnectionString(database);

    public static async Task<MortalDatabase> CreateAsync(Random random)
    {
        var cluster = await PostgreSqlCluster.StartAsync();
        return new MortalDatabase(cluster, await cluster.CreateDatabaseAsync(), random);
    }

    /// <summary>In a third of the lives that have load.</summary>
    public Outage Next(Moment moment) =>
        moment is Moment.Load or Moment.Merge && random.Next(3) == 0 ? (Outage)random.Next(1, 4) : Outage.None;

    public Task DieAsync(Outage outage) => outage switch
    {
        Outage.Power => cluster.StopAsync(immediately: true),
        Outage.Kill => cluster.KillAsync(),
        Outage.Backend => cluster.KillBackendAsync(database),
        _ => Task.CompletedTask,
    };

    public Task ReturnAsync(Outage outage) => outage is Outage.Power or Outage.Kill ? cluster.ResumeAsync() : Task.CompletedTask;

    public ValueTask DisposeAsync() => cluster.DisposeAsync();
}
