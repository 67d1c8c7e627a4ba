namespace IoTFleet.Device;

/// <summary>
/// How messages are held until the server has stored them: where, how many, in which order after an outage, and what gives way when there is no room.
/// Within a stream the order of publishing is kept always.
/// </summary>
public sealed record OutboxOptions
{
    internal static readonly OutboxOptions Usual = new();

    /// <summary>For a device of little memory.</summary>
    internal static readonly OutboxOptions Small = new() { MaxMessages = 64, MaxBytes = 64 * 1024 };

    /// <summary>
    /// A folder of this device alone, in which messages outlive a restart and a power cut; null (the default) holds them in memory, and what is not stored when
    /// the client is disposed fails. It is made when it is not there, open to its owner only (0700); one client at a time can use it.
    /// </summary>
    public string? Folder { get; init; }

    /// <summary>How many messages may be held, 1 to 1,000,000. Default 1000. On disk, each of them takes some 150 bytes of memory too.</summary>
    public int MaxMessages { get; init; } = 1000;

    /// <summary>How many bytes of messages may be held, 1 KiB to 64 GiB, each counted as its payload and 64. Default 16 MiB. Files take twice of it at most.</summary>
    public long MaxBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// For how long a message may be held by the operating system only, up to an hour: a power cut can take what came within that time. Zero (the default) holds
    /// a message only when it is on the disk; messages that come together share one flush. <see cref="Timeout.InfiniteTimeSpan"/> leaves it to the
    /// operating system, for flash that must be spared. The end of the process alone loses nothing, whatever this says.
    /// </summary>
    public TimeSpan FlushWithin { get; init; } = TimeSpan.Zero;

    /// <summary>How many messages a second that were held during an outage are sent after it, 1 to 100,000; null for no limit. Default 100. Newer ones of other streams pass them by.</summary>
    public int? ReplayRate { get; init; } = 100;

    /// <summary>What holds for a stream that is not in <see cref="Streams"/>; for the unnamed stream, too.</summary>
    public StreamPolicy Default { get; init; } = new();

    /// <summary>What holds for streams by their names.</summary>
    public IReadOnlyDictionary<string, StreamPolicy> Streams { get; init; } = new Dictionary<string, StreamPolicy>();

    internal void Validate()
    {
        DeviceOptions.Require(Folder is null || !string.IsNullOrWhiteSpace(Folder), Setting(nameof(Folder)), "must be a folder, or null");
        DeviceOptions.Require(MaxMessages is >= 1 and <= 1_000_000, Setting(nameof(MaxMessages)), "must be 1 to 1000000");
        DeviceOptions.Require(MaxBytes is >= 1024 and <= 64L << 30, Setting(nameof(MaxBytes)), "must be 1 KiB to 64 GiB");
        DeviceOptions.Require(
            FlushWithin == Timeout.InfiniteTimeSpan || (FlushWithin >= TimeSpan.Zero && FlushWithin <= TimeSpan.FromHours(1)),
            Setting(nameof(FlushWithin)), "must be zero to an hour, or Timeout.InfiniteTimeSpan");
        DeviceOptions.Require(ReplayRate is null or (>= 1 and <= 100_000), Setting(nameof(ReplayRate)), "must be 1 to 100000, or null");
        DeviceOptions.Require(Default is not null && Streams is not null, Setting(nameof(Streams)), "and Default must be set");
        Default!.Validate(Setting(nameof(Default)));
        foreach (var (stream, policy) in Streams!)
            policy.Validate(Setting($"{nameof(Streams)}[\"{stream}\"]"));
    }

    private static string Setting(string name) => $"{nameof(DeviceOptions.Outbox)}.{name}";

    internal StreamPolicy PolicyOf(string? stream) => stream is not null && Streams.TryGetValue(stream, out var own) ? own : Default;
}

/// <summary>How the messages of one stream are held.</summary>
public sealed record StreamPolicy
{
    /// <summary>0 to 9; what waits in a stream of a higher number is sent first. Default 0.</summary>
    public int Priority { get; init; }

    /// <summary>A message that has waited longer is dropped and not sent, 1 s to 10 years; null (the default) for never. What may have reached the server already is sent to the end.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>How many messages of this stream may be held, 1 to 1,000,000; null (the default) for as many as the outbox may hold.</summary>
    public int? MaxMessages { get; init; }

    /// <summary>How many bytes of this stream may be held, from 1 KiB; null (the default) for as many as the outbox may hold.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>What gives way when there is no room. Default <see cref="WhenFull.Wait"/>.</summary>
    public WhenFull WhenFull { get; init; }

    internal void Validate(string setting)
    {
        DeviceOptions.Require(Priority is >= 0 and <= 9, $"{setting}.{nameof(Priority)}", "must be 0 to 9");
        if (MaxAge is { } age)
            DeviceOptions.RequireRange(age, TimeSpan.FromSeconds(1), TimeSpan.FromDays(3650), $"{setting}.{nameof(MaxAge)}");
        DeviceOptions.Require(MaxMessages is null or (>= 1 and <= 1_000_000), $"{setting}.{nameof(MaxMessages)}", "must be 1 to 1000000, or null");
        DeviceOptions.Require(MaxBytes is null or >= 1024, $"{setting}.{nameof(MaxBytes)}", "must be at least 1 KiB, or null");
        DeviceOptions.Require(Enum.IsDefined(WhenFull), $"{setting}.{nameof(WhenFull)}", "must be Wait, DropOldest or DropNewest");
    }
}

/// <summary>What gives way when an outbox, or a stream's share of it, is full.</summary>
public enum WhenFull
{
    /// <summary>The publisher: it waits for room. Nothing is lost.</summary>
    Wait,

    /// <summary>
    /// The oldest messages of the stream that are not on their way yet. When the whole outbox is full, such streams of a lower priority give way first, whoever comes.
    /// </summary>
    DropOldest,

    /// <summary>The new message: it fails with <see cref="DeviceError.Dropped"/>.</summary>
    DropNewest,
}

/// <summary>What an outbox holds, and what it gave up.</summary>
/// <param name="Messages">Messages held that the server has not stored yet.</param>
/// <param name="Bytes">Their bytes, as <see cref="OutboxOptions.MaxBytes"/> counts them.</param>
/// <param name="TooOld">Messages dropped since the start because they waited longer than their stream's <see cref="StreamPolicy.MaxAge"/>.</param>
/// <param name="GaveWay">Messages dropped since the start for want of room.</param>
public readonly record struct OutboxStatus(int Messages, long Bytes, long TooOld, long GaveWay);
