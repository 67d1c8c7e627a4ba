using System.Data.Common;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>What the telemetry store fails at, since when.</summary>
public sealed class TelemetryHealth(TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TelemetryFault> _faults = new(StringComparer.Ordinal);

    public IReadOnlyList<TelemetryFault> Faults
    {
        get
        {
            lock (_gate) return [.. _faults.Values];
        }
    }

    internal void Failed(string what, Exception error)
    {
        lock (_gate)
        {
            var since = _faults.TryGetValue(what, out var known) ? known.Since : clock.GetUtcNow();
            _faults[what] = new TelemetryFault(what, since, CodeOf(error), error.Message);
        }
    }

    /// <summary>Tells strangers no names of hosts and paths, as the words would.</summary>
    private static string CodeOf(Exception error) => error.Find<DbException>()?.SqlState ?? error.GetBaseException().GetType().Name.Replace("Exception", "", StringComparison.Ordinal);

    internal void Succeeded(string what)
    {
        lock (_gate) _faults.Remove(what);
    }
}

/// <param name="What">What is not done: <see cref="Log"/>, <see cref="Merge"/>, <see cref="Rollup"/> or <see cref="Prune"/>.</param>
/// <param name="Since">When it first failed.</param>
/// <param name="Code">What kind of error: the database's SQLSTATE, or the error's name.</param>
/// <param name="Problem">What the database said last.</param>
public sealed record TelemetryFault(string What, DateTimeOffset Since, string Code, string Problem)
{
    /// <summary>Messages are not stored, and so not acknowledged.</summary>
    public const string Log = "log";

    /// <summary>The log is not brought to the tables, and grows.</summary>
    public const string Merge = "merge";

    /// <summary>Rollups are not brought up to date; readers read more instead.</summary>
    public const string Rollup = "rollup";

    /// <summary>What is older than is to be kept is not taken away.</summary>
    public const string Prune = "prune";
}
