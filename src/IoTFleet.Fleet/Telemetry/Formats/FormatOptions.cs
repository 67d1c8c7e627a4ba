namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Which formats telemetry comes in; the section <c>Telemetry</c>.</summary>
public sealed record FormatOptions
{
    public const int MaxRules = 100;

    /// <summary>The first whose topic matches counts; a message that none matches says by its content type what it is, or is JSON.</summary>
    public IReadOnlyList<FormatRule> Formats { get; init; } = [];

    /// <summary>Of a payload that is kept raw.</summary>
    public int MaxRawBytes { get; init; } = 65_536;

    /// <summary>Unreadable payloads that are kept, of all devices: the newest. 0 keeps none.</summary>
    public int MaxQuarantined { get; init; } = 10_000;

    /// <summary>Unreadable payloads that are kept of one device: the newest.</summary>
    public int MaxQuarantinedPerDevice { get; init; } = 100;

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        if (Formats.Count > MaxRules) throw new ArgumentException($"Telemetry:Formats must be at most {MaxRules} rules, but is {Formats.Count}.");
        Check(nameof(MaxRawBytes), MaxRawBytes, 0, 16_777_216);
        Check(nameof(MaxQuarantined), MaxQuarantined, 0, 1_000_000);
        Check(nameof(MaxQuarantinedPerDevice), MaxQuarantinedPerDevice, 1, 1_000_000);
        _ = new FormatRules(this);
    }

    private static void Check(string setting, int value, int min, int max)
    {
        if (value < min || value > max) throw new ArgumentException($"Telemetry:{setting} must be between {min} and {max}, but is {value}.");
    }
}

/// <param name="Topic">A filter of topics below <c>devices/{id}/</c>, such as <c>telemetry/plc/#</c>.</param>
/// <param name="Format"><c>json</c>, <c>cbor</c>, <c>sparkplug-b</c> or <c>raw</c>.</param>
public sealed record FormatRule(string Topic, string Format);
