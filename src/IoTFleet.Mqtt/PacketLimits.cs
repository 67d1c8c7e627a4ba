namespace IoTFleet.Mqtt;

/// <summary>
/// What a reader accepts, checked before memory is spent on it. A value out of its range throws <see cref="ArgumentOutOfRangeException"/>.
/// </summary>
public sealed record PacketLimits
{
    /// <summary>The largest packet that the standard can express: 5 bytes of header and 268,435,455 of content (MQTT 5.0, 2.1.4).</summary>
    public const int LargestPacket = 268_435_460;

    /// <summary>Limits that suit a fleet of small devices.</summary>
    public static PacketLimits Default { get; } = new();

    /// <summary>
    /// Bytes of a whole packet with its fixed header, 32 to <see cref="LargestPacket"/>; 262,144 unless set. Larger ones end in <see
    /// cref="ReasonCode.PacketTooLarge"/>.
    /// </summary>
    public int MaxPacketSize { get; init => field = InRange(value, 32, LargestPacket, nameof(MaxPacketSize)); } = 256 * 1024;

    /// <summary>
    /// Bytes of a whole CONNECT, its will included, 32 to <see cref="LargestPacket"/>; 16,384 unless set. It comes from somebody who is not known yet, so
    /// that it is held to less than other packets.
    /// </summary>
    public int MaxConnectSize { get; init => field = InRange(value, 32, LargestPacket, nameof(MaxConnectSize)); } = 16 * 1024;

    /// <summary>UTF-8 bytes of a topic name or filter, 1 to 65,535; 1,024 unless set.</summary>
    public int MaxTopicLength { get; init => field = InRange(value, 1, ushort.MaxValue, nameof(MaxTopicLength)); } = 1024;

    /// <summary>Levels of a topic name or filter, 1 to 65,536; 32 unless set. Bounds the depth of a subscription tree.</summary>
    public int MaxTopicLevels { get; init => field = InRange(value, 1, ushort.MaxValue + 1, nameof(MaxTopicLevels)); } = 32;

    /// <summary>User properties in one property block, 0 to 65,535; 32 unless set. More end in <see cref="ReasonCode.QuotaExceeded"/>.</summary>
    public int MaxUserProperties { get; init => field = InRange(value, 0, ushort.MaxValue, nameof(MaxUserProperties)); } = 32;

    /// <summary>
    /// UTF-8 bytes of all names and values of the user properties in one property block, 0 to <see cref="LargestPacket"/>; 8,192 unless set. More end in
    /// <see cref="ReasonCode.QuotaExceeded"/>.
    /// </summary>
    public int MaxUserPropertyBytes { get; init => field = InRange(value, 0, LargestPacket, nameof(MaxUserPropertyBytes)); } = 8 * 1024;

    /// <summary>Filters in one SUBSCRIBE or UNSUBSCRIBE, 1 to 65,535; 64 unless set. More end in <see cref="ReasonCode.QuotaExceeded"/>.</summary>
    public int MaxTopicsPerPacket { get; init => field = InRange(value, 1, ushort.MaxValue, nameof(MaxTopicsPerPacket)); } = 64;

    private static int InRange(int value, int least, int most, string name) =>
        value >= least && value <= most ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be {least} to {most}.");
}
