namespace IoTFleet.Fleet.Authorities;

/// <summary>The newest certificate revocation list of one shard of one authority (RFC 5280 5).</summary>
public sealed class PublishedCrl
{
    public required string IssuerId { get; init; }
    public required int Shard { get; init; }

    /// <summary>Grows with each list of the shard. RFC 5280 5.2.3</summary>
    public required long Number { get; init; }
    public required DateTimeOffset ThisUpdate { get; init; }
    public required DateTimeOffset NextUpdate { get; init; }
    public required int Entries { get; init; }
    public required byte[] Der { get; init; }
}
