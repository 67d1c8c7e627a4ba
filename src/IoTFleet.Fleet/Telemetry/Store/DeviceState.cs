namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>A device that sends: what the ingest and the merger need of it between two merges.</summary>
internal sealed class DeviceState(string deviceId, RecentKeys recent)
{
    internal string DeviceId => deviceId;

    /// <summary>Added to by the ingest's thread alone.</summary>
    internal RecentKeys Recent => recent;

    /// <summary>0 until the first merge gave it one. The merger's.</summary>
    internal int Number { get; set; }

    /// <summary>As of the last merge. The merger's.</summary>
    internal LatestValues Latest { get; set; } = LatestValues.None;

    /// <summary>When it was last needed, on the clock's timestamp. The ingest's.</summary>
    internal long LastUse { get; set; }
}
