namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>What a payload may hold, whatever its format. Its size is bounded by the largest packet.</summary>
public static class PayloadLimits
{
    /// <summary>Of objects, maps and arrays within each other, in each reading.</summary>
    public const int MaxDepth = 32;

    /// <summary>In one message.</summary>
    public const int MaxReadings = 1_000;

    /// <summary>Names in one reading.</summary>
    public const int MaxValues = 4_096;

    /// <summary>Of a content type.</summary>
    public const int MaxContentType = 100;
}
