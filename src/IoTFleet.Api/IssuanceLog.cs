namespace IoTFleet.Api;

/// <summary>That a certificate is in the log of what was issued.</summary>
public sealed record InclusionProof
{
    /// <summary>Its place in the log.</summary>
    public required long Index { get; init; }

    /// <summary>The size of the tree that the checkpoint signs.</summary>
    public required long TreeSize { get; init; }

    /// <summary>The hashes from the leaf's sibling up (RFC 9162 2.1.3), base64.</summary>
    public required IReadOnlyList<string> Proof { get; init; }

    /// <summary>The signed tree head (c2sp.org/tlog-checkpoint).</summary>
    public required string Checkpoint { get; init; }
}

/// <summary>That one tree is the beginning of another.</summary>
public sealed record ConsistencyProof
{
    /// <summary>The size of the smaller tree.</summary>
    public required long From { get; init; }

    /// <summary>The size of the larger tree.</summary>
    public required long To { get; init; }

    /// <summary>RFC 9162 2.1.4, base64.</summary>
    public required IReadOnlyList<string> Proof { get; init; }

    /// <summary>The newest signed tree head; it may be of a larger tree still.</summary>
    public required string Checkpoint { get; init; }
}

/// <summary>A signed tree head, and what to check it with.</summary>
public sealed record LogHead
{
    /// <summary>The signed tree head (c2sp.org/tlog-checkpoint).</summary>
    public required string Checkpoint { get; init; }

    /// <summary>The log's public key as c2sp.org/signed-note writes it: name, id, type and key. Learn it once and keep it.</summary>
    public required string Key { get; init; }
}

/// <summary>One certificate of the log.</summary>
public sealed record LogEntry
{
    /// <summary>Its place, from 0 without gaps.</summary>
    public required long Index { get; init; }

    /// <summary>The certificate's serial number, lower-case hex.</summary>
    public required string Serial { get; init; }

    /// <summary>SHA-256 over a zero byte and the certificate, base64.</summary>
    public required string Hash { get; init; }

    /// <summary>When it was issued.</summary>
    public required DateTimeOffset At { get; init; }
}

/// <summary>What the server found when it held its log to its certificates and to the checkpoints it has signed.</summary>
public sealed record LogVerification
{
    /// <summary>Certificates in the log.</summary>
    public required long Leaves { get; init; }

    /// <summary>The root of the tree built anew, base64.</summary>
    public required string Root { get; init; }

    /// <summary>Stored checkpoints that were compared.</summary>
    public required int Checkpoints { get; init; }

    /// <summary>What disagrees, at most a hundred; empty when all is sound.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}
