namespace IoTFleet.Fleet.IssuanceLog;

/// <summary>One certificate in the append-only log of what the fleet's authorities issued (a Merkle tree, RFC 9162 2.1).</summary>
public sealed class LogLeaf
{
    /// <summary>From 0, without gaps.</summary>
    public required long Index { get; init; }

    /// <summary>SHA-256 of 0x00 and the certificate's DER. RFC 9162 2.1.1</summary>
    public required byte[] Hash { get; init; }
    public required string Serial { get; init; }
    public required DateTimeOffset At { get; init; }
}

/// <summary>What the log's key has signed: the tree's head at a size.</summary>
public sealed class LogCheckpoint
{
    public required long Size { get; init; }
    public required byte[] RootHash { get; init; }

    /// <summary>The signed note as it is handed out.</summary>
    public required string Note { get; init; }
    public required DateTimeOffset At { get; init; }
}
