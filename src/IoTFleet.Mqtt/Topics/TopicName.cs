using System.Diagnostics.CodeAnalysis;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Topics;

/// <summary>
/// The topic that a message is published to: validated once, then trusted (MQTT 5.0, 4.7). Names are equal when their characters are; nothing is
/// normalised.
/// </summary>
public sealed class TopicName : IEquatable<TopicName>
{
    private readonly byte[] _utf8;

    private TopicName(string value, byte[] utf8)
    {
        Value = value;
        _utf8 = utf8;
    }

    /// <summary>The name as sent; never empty, without wildcards.</summary>
    public string Value { get; }

    /// <summary>The name in UTF-8, 1 to 65,535 bytes.</summary>
    public ReadOnlyMemory<byte> Utf8 => _utf8;

    /// <summary>
    /// Validates a name. False when it is empty [MQTT-4.7.3-1], has a wildcard [MQTT-3.3.2-2], U+0000 [MQTT-4.7.3-2] or a lone surrogate, or is
    /// longer than 65,535 bytes [MQTT-4.7.3-3].
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? value, [NotNullWhen(true)] out TopicName? topic)
    {
        topic = null;
        if (string.IsNullOrEmpty(value) || value.AsSpan().ContainsAny('+', '#')) return false;
        if (!Utf8Text.TryEncode(value, out var utf8)) return false;
        topic = new TopicName(value, utf8);
        return true;
    }

    /// <summary>Validates a name as <see cref="TryParse"/> does.</summary>
    /// <exception cref="FormatException">The name is not valid.</exception>
    public static TopicName Parse(string value) =>
        TryParse(value, out var topic) ? topic : throw new FormatException($"'{value}' is not a topic name (MQTT 5.0, 4.7).");

    /// <summary>Ordinal comparison of the names.</summary>
    public bool Equals(TopicName? other) => other is not null && Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TopicName);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    /// <summary>The name as sent.</summary>
    public override string ToString() => Value;
}
