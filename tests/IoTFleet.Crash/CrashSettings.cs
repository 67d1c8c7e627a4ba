namespace IoTFleet.Crash;

/// <param name="Cycles">Lives of the server, each ended by a kill.</param>
/// <param name="Devices">Of all kinds, in turn.</param>
/// <param name="Seed">Of the moments of death; what the machine does between them is its own.</param>
/// <param name="Mutant">The defect of the server's store; null for the real server.</param>
internal sealed record CrashSettings(int Cycles, int Devices, int Seed, string? Mutant)
{
    public bool OnPostgreSql { get; init; }

    /// <summary>Every life ends like this; null for all kinds in turn.</summary>
    public Moment? Only { get; init; }
}
