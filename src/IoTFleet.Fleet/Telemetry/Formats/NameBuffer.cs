using System.Runtime.CompilerServices;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Room for the longest flattened name.</summary>
[InlineArray(ValueReader.MaxNameBytes)]
internal struct NameBuffer
{
    private byte _first;
}

/// <summary>How long the flattened name is at each level.</summary>
[InlineArray(Levels)]
internal struct NameLengths
{
    public const int Levels = 65;

    private int _first;
}
