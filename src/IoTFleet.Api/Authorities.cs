namespace IoTFleet.Api;

/// <summary>The values of <see cref="AuthoritySummary.State"/>, in the order of a rotation.</summary>
public static class AuthorityStates
{
    /// <summary>Made; trusted by nobody.</summary>
    public const string Prepared = "prepared";

    /// <summary>In every trust bundle; signs nothing yet.</summary>
    public const string Published = "published";

    /// <summary>Signs; one for each purpose.</summary>
    public const string Active = "active";

    /// <summary>Signs no more; its certificates are good until they end.</summary>
    public const string Retiring = "retiring";

    /// <summary>Its certificates are good and must be renewed now.</summary>
    public const string Tainted = "tainted";

    /// <summary>Trusted no more.</summary>
    public const string Removed = "removed";
}

/// <summary>One generation of an authority.</summary>
public sealed record AuthoritySummary
{
    /// <summary>The subject key identifier, lower-case hex.</summary>
    public required string Id { get; init; }

    /// <summary>root, devices, claims, servers or services.</summary>
    public required string Purpose { get; init; }

    /// <summary>From 1, counted for each purpose.</summary>
    public required int Generation { get; init; }

    /// <summary>One of <see cref="AuthorityStates"/>.</summary>
    public required string State { get; init; }

    /// <summary>Since when it is in that state.</summary>
    public required DateTimeOffset StateChangedAt { get; init; }

    /// <summary>The beginning of its certificate's life.</summary>
    public required DateTimeOffset NotBefore { get; init; }

    /// <summary>Its end.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>Whether the server can sign with it.</summary>
    public required bool KeyHere { get; init; }

    /// <summary>Unexpired, unrevoked certificates of devices and services that it signed.</summary>
    public int LiveCertificates { get; init; }

    /// <summary>Devices seen lately; null where devices are told nothing of the authority.</summary>
    public int? DevicesSeen { get; init; }

    /// <summary>Those of them that hold a trust bundle which names it.</summary>
    public int? DevicesHolding { get; init; }
}

/// <summary>Body of <c>POST /authorities</c>.</summary>
public sealed record PrepareAuthorityRequest
{
    /// <summary>root, devices, claims, servers or services.</summary>
    public required string Purpose { get; init; }
}

/// <summary>Body of the other steps of a rotation; may be left out.</summary>
public sealed record RotationStepRequest
{
    /// <summary>Take the step although somebody would be shut out.</summary>
    public bool Force { get; init; }
}

/// <summary>What a step of a rotation came to.</summary>
public sealed record RotationAnswer
{
    /// <summary>The authority.</summary>
    public required string Id { get; init; }

    /// <summary>Its purpose.</summary>
    public required string Purpose { get; init; }

    /// <summary>Its generation.</summary>
    public required int Generation { get; init; }

    /// <summary>Its state now.</summary>
    public required string State { get; init; }

    /// <summary>The newest trust bundle.</summary>
    public required long BundleVersion { get; init; }

    /// <summary>What else should be known or done.</summary>
    public string? Note { get; init; }
}

/// <summary>What a rotation would meet if it went on today.</summary>
public sealed record RotationDrill
{
    /// <summary>Active devices in all.</summary>
    public required int Devices { get; init; }

    /// <summary>Active devices without any live certificate: no step makes a difference to them.</summary>
    public required int Out { get; init; }

    /// <summary>The steps that could be next.</summary>
    public required IReadOnlyList<DrilledStep> Steps { get; init; }
}

/// <summary>One step that was rehearsed.</summary>
public sealed record DrilledStep
{
    /// <summary>activate or remove.</summary>
    public required string Step { get; init; }

    /// <summary>The authority it is about.</summary>
    public required string Id { get; init; }

    /// <summary>Its generation.</summary>
    public required int Generation { get; init; }

    /// <summary>Its state now.</summary>
    public required string State { get; init; }

    /// <summary>Whether the step would be taken without force.</summary>
    public required bool Allowed { get; init; }

    /// <summary>Why not.</summary>
    public string? Problem { get; init; }

    /// <summary>Devices that it would catch unprepared.</summary>
    public required int Unprepared { get; init; }

    /// <summary>Those of them that it would cut off.</summary>
    public required int Breaking { get; init; }

    /// <summary>Those of the unprepared that were not seen lately.</summary>
    public required int OfflineUnprepared { get; init; }

    /// <summary>The first of the unprepared.</summary>
    public required IReadOnlyList<DrilledDevice> UnpreparedDevices { get; init; }
}

/// <summary>A device that a step would catch unprepared.</summary>
public sealed record DrilledDevice
{
    /// <summary>The device.</summary>
    public required string Id { get; init; }

    /// <summary>bundle-too-old, bundle-unknown or certificate-of-old-generation.</summary>
    public required string Reason { get; init; }

    /// <summary>Whether it would be cut off.</summary>
    public required bool Breaks { get; init; }

    /// <summary>Versions and dates.</summary>
    public required string Detail { get; init; }
}

/// <summary>The revocation list of a root whose key is kept elsewhere.</summary>
public sealed record InstallCrlRequest
{
    /// <summary>PEM, as <c>iotfleet ca crl</c> writes it.</summary>
    public required string Crl { get; init; }
}

/// <summary>A root's revocation list that a server has taken in and serves.</summary>
public sealed record InstalledCrl
{
    /// <summary>The root's subject key identifier, lower-case hex.</summary>
    public required string IssuerId { get; init; }

    /// <summary>Higher than that of the list before.</summary>
    public required long Number { get; init; }

    /// <summary>When the next one is due.</summary>
    public required DateTimeOffset NextUpdate { get; init; }

    /// <summary>How many authorities it names.</summary>
    public required int Entries { get; init; }
}
