using System.Buffers;
using IoTFleet.Device.Identity;
using IoTFleet.Mqtt;

namespace IoTFleet.Device;

/// <summary>What a device must know to enrol and to stay connected. <see cref="DeviceClient.StartAsync"/> validates it.</summary>
public sealed record DeviceOptions
{
    private static readonly SearchValues<char> IdCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    private static readonly PacketLimits SmallPackets = new() { MaxPacketSize = 16 * 1024 };

    // Null as long as nobody chose: then Constrained decides, whichever of the two is set first.
    private readonly TimeSpan? _keepAlive;
    private readonly OutboxOptions? _outbox;
    private readonly ushort? _maxInFlight;

    /// <summary>The device's name: 1 to 63 characters of <c>a-z 0-9 . _ -</c>, the first a letter or digit, the last not a dot. Also its MQTT client id.</summary>
    public required string DeviceId { get; init; }

    /// <summary>The address of the fleet server for enrolment, for example <c>https://fleet.example:8443</c>.</summary>
    public required Uri Server { get; init; }

    /// <summary>
    /// SHA-256 of the fleet's root certificate, 64 hexadecimal digits; colons and spaces do not count. The server prints it. Either this or
    /// <see cref="TrustAnchorFile"/> must be given, or both.
    /// </summary>
    public string? RootFingerprint { get; init; }

    /// <summary>A PEM file with the root certificates, one or more, that a server may be proved by until the fleet has sent a trust bundle.</summary>
    public string? TrustAnchorFile { get; init; }

    /// <summary>
    /// The enrolment token; needed until the device has a certificate, unless <see cref="EnrolmentCertificate"/> speaks for it. It leaves the device only over a
    /// connection that <see cref="RootFingerprint"/> or <see cref="TrustAnchorFile"/> has proved.
    /// </summary>
    public string? EnrolmentToken { get; init; }

    /// <summary>A claim certificate, or the identity that the device's maker gave it, shown at the enrolment instead of a token and never after it.</summary>
    public EnrolmentCertificate? EnrolmentCertificate { get; init; }

    /// <summary>The enrolment group; null for the credential's own. A device without any credential needs one: it waits there for an operator's approval.</summary>
    public string? EnrolmentGroup { get; init; }

    /// <summary>The device's serial number, for groups that keep a list of them; null when the credential says it, or none is asked for.</summary>
    public string? HardwareSerial { get; init; }

    /// <summary>What is spoken with the server to enrol and to renew. Default: <see cref="EnrolmentProtocol.Fleet"/>.</summary>
    public EnrolmentProtocol EnrolmentProtocol { get; init; }

    /// <summary>The MQTT broker's host name or address; null for the host of <see cref="Server"/>. The broker's certificate must carry it.</summary>
    public string? BrokerHost { get; init; }

    /// <summary>The MQTT broker's TLS port, 1 to 65535. Default 8883.</summary>
    public int BrokerPort { get; init; } = 8883;

    /// <summary>
    /// For hardware with little memory, power or data volume: other defaults, each of which can still be set, and smaller buffers. Default false.
    /// <list type="bullet">
    /// <item><see cref="KeepAlive"/> 20 min instead of 60 s; a mobile network may forget a connection that is silent for so long, and its device then learns of it at the next ping.</item>
    /// <item><see cref="Outbox"/> of 64 messages and 64 KiB in memory instead of 1000 and 16 MiB; one on disk keeps 16 KiB of payloads in memory instead of 256 KiB.</item>
    /// <item><see cref="MaxInFlight"/> 4 instead of 20.</item>
    /// <item>Commands of up to 16 KiB, of which 8 wait, instead of 256 KiB and 64; the server is told and sends no larger ones.</item>
    /// <item>The server is asked once a day whether the certificate is to be renewed early, not as often as it would like.</item>
    /// </list>
    /// </summary>
    public bool Constrained { get; init; }

    /// <summary>Where key and certificate are kept. Default: files in the folder <c>device-data</c>.</summary>
    public IKeyStore KeyStore { get; init; } = new FileKeyStore("device-data");

    /// <summary>The MQTT version to speak. With 3.1.1 there are no sequence numbers on the wire and no reasons for refused messages.</summary>
    public ProtocolVersion Protocol { get; init; } = ProtocolVersion.V5;

    /// <summary>
    /// The longest silence from this device before it sends a ping, 1 s to 18 h. Default 60 s, if <see cref="Constrained"/> 20 min. The server may choose another
    /// (MQTT 5.0 section 3.2.2.3.14).
    /// </summary>
    public TimeSpan KeepAlive { get => _keepAlive ?? TimeSpan.FromSeconds(Constrained ? 1200 : 60); init => _keepAlive = value; }

    /// <summary>How long a connection may take to become ready, and how long one enrolment request may take. Default 20 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long the server may leave a message or a ping unanswered before the connection counts as dead. Default 30 s.</summary>
    public TimeSpan AckTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The shortest wait before a new attempt. Default 1 s.</summary>
    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait before a new attempt, up to 1 day. Default 5 min. Waits grow exponentially up to it, with full jitter.</summary>
    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How messages are held until the server has stored them. Default: up to 1000 in memory, if <see cref="Constrained"/> 64; when it is full, PublishAsync waits.
    /// </summary>
    public OutboxOptions Outbox { get => _outbox ?? (Constrained ? OutboxOptions.Small : OutboxOptions.Usual); init => _outbox = value; }

    /// <summary>How commands are remembered. Default: beside the outbox or the key, where these are on disk.</summary>
    public CommandOptions Commands { get; init; } = new();

    /// <summary>
    /// How many messages may be on their way unacknowledged, 1 to 65535; the server's own limit is kept too. Default 20, if <see cref="Constrained"/> 4.
    /// </summary>
    public ushort MaxInFlight { get => _maxInFlight ?? (ushort)(Constrained ? 4 : 20); init => _maxInFlight = value; }

    /// <summary>Called with each new state, from the connection's loop: return quickly and do not throw.</summary>
    public Action<DeviceState>? StateChanged { get; init; }

    /// <summary>
    /// Called with what went wrong beside the connection and stops nothing, above all a trust bundle that was refused: worth a line in a log. From the client's
    /// own loops: return quickly and do not throw.
    /// </summary>
    public Action<DeviceException>? TroubleMet { get; init; }

    /// <summary>
    /// When the firmware was built; default is the time of this SDK's release. A clock that says less is known to be wrong, as in a device whose clock begins in
    /// 1970 at each start. Such a device goes by the latest time it has proof of instead: this one, the first day of its own certificate, the day its trust bundle
    /// was signed, and what its server has told it over a proved connection since. It believes no certificate that had ended by then, and one that begins later if
    /// it is right otherwise. A maker who sets this at each build shortens the time in which an old server certificate can be shown to a device that was never enrolled.
    /// </summary>
    public DateTimeOffset BuiltAt { get; init; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The clock for timestamps, certificate validity, keep-alive and backoff.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>What is taken from the broker at most, in bytes.</summary>
    internal PacketLimits PacketLimits => Constrained ? SmallPackets : PacketLimits.Default;

    internal int MaxWaitingCommands => Constrained ? 8 : 64;

    /// <summary>Of a connection's reader; a larger packet gets a larger one while it is read.</summary>
    internal int ReadBuffer => Constrained ? 1024 : 4096;

    /// <summary>Bytes of payloads that are on disk and kept in memory too, because they are sent soon.</summary>
    internal int MaxResident => Constrained ? 16 * 1024 : 256 * 1024;

    /// <summary>The server is not asked for advice on renewing more often.</summary>
    internal TimeSpan LeastBetweenAdvice => Constrained ? TimeSpan.FromDays(1) : TimeSpan.Zero;

    internal string BrokerName => BrokerHost ?? Server.Host;

    internal string? PinnedFingerprint => RootFingerprint?.Replace(":", "").Replace(" ", "").ToLowerInvariant();

    internal void Validate()
    {
        Require(IsDeviceId(DeviceId), nameof(DeviceId), "must be 1 to 63 characters of a-z 0-9 . _ -, the first a letter or digit, the last not a dot");
        Require(Server is { IsAbsoluteUri: true, Scheme: "https" }, nameof(Server), "must be an https address such as https://fleet.example:8443");
        Require(PinnedFingerprint is null || IsSha256(PinnedFingerprint), nameof(RootFingerprint), "must be a SHA-256 of 64 hexadecimal digits");
        Require(RootFingerprint is not null || TrustAnchorFile is not null, nameof(RootFingerprint), $"or {nameof(TrustAnchorFile)} must be given");
        EnrolmentCertificate?.Validate();
        Require(EnrolmentGroup is null || IsDeviceId(EnrolmentGroup), nameof(EnrolmentGroup), "must be a group's name, or null");
        Require(Enum.IsDefined(EnrolmentProtocol), nameof(EnrolmentProtocol), "must be Fleet or Est");
        Require(BrokerHost is null or { Length: > 0 }, nameof(BrokerHost), "must be a host name or address, or null");
        Require(BrokerPort is >= 1 and <= 65535, nameof(BrokerPort), "must be 1 to 65535");
        Require(KeyStore is not null, nameof(KeyStore), "must be set");
        Require(Enum.IsDefined(Protocol), nameof(Protocol), "must be V311 or V5");
        RequireRange(KeepAlive, TimeSpan.FromSeconds(1), TimeSpan.FromHours(18), nameof(KeepAlive));
        RequireRange(ConnectTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), nameof(ConnectTimeout));
        RequireRange(AckTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), nameof(AckTimeout));
        RequireRange(BackoffMin, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1), nameof(BackoffMin));
        RequireRange(BackoffMax, BackoffMin, TimeSpan.FromDays(1), nameof(BackoffMax));
        Outbox.Validate();
        Require(Commands is not null, nameof(Commands), "must be set");
        Commands!.Validate();
        Require(MaxInFlight >= 1, nameof(MaxInFlight), "must be 1 to 65535");
        Require(Clock is not null, nameof(Clock), "must be set");
    }

    // The server's grammar for names (src/IoTFleet.Pki); an SDK cannot reference the server's projects.
    private static bool IsDeviceId(string? id) =>
        id is { Length: >= 1 and <= 63 } && char.IsAsciiLetterOrDigit(id[0]) && id[^1] != '.' && !id.AsSpan().ContainsAnyExcept(IdCharacters);

    private static bool IsSha256(string hex) => hex.Length == 64 && hex.All(char.IsAsciiHexDigitLower);

    internal static void RequireRange(TimeSpan value, TimeSpan least, TimeSpan most, string setting) =>
        Require(value >= least && value <= most, setting, $"must be {least} to {most}");

    internal static void Require(bool holds, string setting, string rule)
    {
        if (!holds)
            throw new DeviceException(DeviceError.OptionsNotValid, $"{nameof(DeviceOptions)}.{setting} {rule}.");
    }
}
