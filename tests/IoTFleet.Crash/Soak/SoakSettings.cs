namespace IoTFleet.Crash.Soak;

/// <param name="Weather">For how long network and server are bad.</param>
/// <param name="Devices">Of all kinds, in turn.</param>
/// <param name="Seed">Of the weather and the devices; what the machine does between them is its own.</param>
internal sealed record SoakSettings(TimeSpan Weather, int Devices, int Seed)
{
    /// <summary>For how long devices may take, once all is well again, to be connected and to have sent everything.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>A defect of this harness that it must find; null for none.</summary>
    public SoakMutant? Mutant { get; init; }
}

/// <summary>What a broken SDK would do, done by the harness.</summary>
public enum SoakMutant
{
    /// <summary>One device never gets a connection again after its first.</summary>
    Deaf,

    /// <summary>Something is kept for each message.</summary>
    Leak,

    /// <summary>A message that is counted as promised was never published.</summary>
    Lose,

    /// <summary>A message is published twice, as two.</summary>
    Twice,
}
