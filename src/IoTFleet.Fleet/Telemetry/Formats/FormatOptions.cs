namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Which formats telemetry comes in; the section <c>Telemetry</c>.</summary>
public sealed record FormatOptions
{
    public const int MaxRules = 100;

    /// <summary>The first whose topic matches counts; a message that none matches says by its content type what it is, or is JSON.</summary>
    public IReadOnlyList<FormatRule> Formats { get; init; } = [];

    /// <summary>Of a payload that is kept raw.</summary>
    public int MaxRawBytes { get; init; } = 65_536;

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        if (Formats.Count > MaxRules) throw new ArgumentException($"Telemetry:Formats must be at most {MaxRules} rules, but is {Formats.Count}.");
        if (MaxRawBytes is < 0 or > 16_777_216) throw new ArgumentException($"Telemetry:MaxRawBytes must be between 0 and 16777216, but is {MaxRawBytes}.");
        _ = new FormatRules(this);
    }
}

/// <param name="Topic">A filter of topics below <c>devices/{id}/</c>, such as <c>telemetry/plc/#</c>.</param>
/// <param name="Format"><c>json</c>, <c>cbor</c>, <c>sparkplug-b</c> or <c>raw</c>.</param>
public sealed record FormatRule(string Topic, string Format);
