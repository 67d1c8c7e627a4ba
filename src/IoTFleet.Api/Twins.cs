using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>A device's twin as lists show it.</summary>
public record TwinSummary
{
    /// <summary>The device.</summary>
    public required string DeviceId { get; init; }

    /// <summary>Whether the device says that it has applied the newest desired version; also before anything was desired.</summary>
    public required bool InSync { get; init; }

    /// <summary>Grows by one with each change of the desired document; 0 before the first. Also the ETag of the twin, without which a report would look like a change.</summary>
    public required long DesiredVersion { get; init; }

    /// <summary>When the desired document was last changed.</summary>
    public DateTimeOffset? DesiredChangedAt { get; init; }

    /// <summary>The desired version that the device last said it has applied; 0 when it has said none.</summary>
    public required long AppliedVersion { get; init; }

    /// <summary>Grows by one with each report that changes something.</summary>
    public required long ReportedVersion { get; init; }

    /// <summary>When the device last reported something new.</summary>
    public DateTimeOffset? ReportedAt { get; init; }
}

/// <summary>What is wanted of a device, and what it says of itself.</summary>
public sealed record Twin : TwinSummary
{
    /// <summary>What operators want of the device.</summary>
    public required JsonElement Desired { get; init; }

    /// <summary>What the device says of itself.</summary>
    public required JsonElement Reported { get; init; }

    /// <summary>Only in the answer to a change: whether the device is connected and is sent it now. One that is away is told when it is back.</summary>
    public bool? Told { get; init; }
}

/// <summary>Body of <c>POST /twins/desired</c>: a change for every device that fits everything that is given and is not revoked.</summary>
public sealed record ChangeTwinsRequest
{
    /// <summary>A JSON Merge Patch (RFC 7396), the same for each of them.</summary>
    public required JsonElement Patch { get; init; }

    /// <summary>Devices of this enrolment group.</summary>
    public string? Group { get; init; }

    /// <summary>Devices enrolled through this claim batch.</summary>
    public string? Batch { get; init; }

    /// <summary>Devices with this tag, <c>name=value</c>.</summary>
    public string? Tag { get; init; }

    /// <summary>These devices.</summary>
    public IReadOnlyList<string>? Ids { get; init; }

    /// <summary>Only counts.</summary>
    public bool DryRun { get; init; }

    /// <summary>How many devices it concerns, as a dry run tells; must be right, except for a dry run.</summary>
    public int? Confirm { get; init; }
}

/// <summary>What became of a change for many.</summary>
public sealed record TwinsChanged
{
    /// <summary><c>counted</c> or <c>done</c>.</summary>
    public required string State { get; init; }

    /// <summary>Devices it concerns.</summary>
    public required int Count { get; init; }

    /// <summary>Of a dry run: some of them.</summary>
    public IReadOnlyList<string>? Sample { get; init; }

    /// <summary>Devices whose desired document is another one now.</summary>
    public int? Changed { get; init; }

    /// <summary>Devices whose document would have become too large, which have kept it as it was.</summary>
    public IReadOnlyList<string>? Refused { get; init; }
}
