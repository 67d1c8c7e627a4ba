namespace IoTFleet.Server.Doors;

/// <summary>
/// What a stranger may cost before he has proved who he is, section <c>Doors</c>. Checked before any TLS work is done, because a handshake that is refused
/// costs as much as one that succeeds.
/// </summary>
internal sealed class DoorOptions
{
    public const string Section = "Doors";

    /// <summary>Open connections of the MQTT port. 10 to 1,000,000.</summary>
    public int MaxMqttConnections { get; set; } = 20_000;

    /// <summary>Open connections of the HTTPS port. 10 to 1,000,000.</summary>
    public int MaxHttpsConnections { get; set; } = 2_000;

    /// <summary>Open connections of one port from one address (IPv6: one /64 network). 1 to 1,000,000.</summary>
    public int MaxConnectionsPerAddress { get; set; } = 10_000;

    /// <summary>Time from an accepted connection to the end of its TLS handshake, waiting for its turn included. 1 s to 60 s.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>TLS handshakes begun in a second, of both ports together; more wait for their turn. 1 to 100,000.</summary>
    public int HandshakesPerSecond { get; set; } = 400;

    /// <summary>TLS handshakes under way at one time, of both ports together; more wait for their turn. 1 to 100,000.</summary>
    public int MaxHandshakes { get; set; } = 2_000;

    /// <summary>Connections of one port that wait for their turn, or have not said anything yet; the newest is closed. 1 to 100,000.</summary>
    public int MaxWaitingHandshakes { get; set; } = 2_000;

    /// <summary>Connections of one port from one address that are not through their handshake. 1 to 100,000.</summary>
    public int MaxHandshakesPerAddress { get; set; } = 1_000;

    /// <summary>Open connections of the port for revocation lists and OCSP. 10 to 100,000.</summary>
    public int MaxStatusConnections { get; set; } = 500;

    /// <summary>OCSP questions answered in a second, of all askers together; more are told to come back. 10 to 100,000.</summary>
    public int StatusRequestsPerSecond { get; set; } = 1_000;

    /// <summary>Bytes that may lie unread in one connection before its socket is no longer read. 16 KiB to 1 MiB.</summary>
    public int MaxUnreadBytes { get; set; } = 64 * 1024;

    public static DoorOptions From(IConfiguration configuration)
    {
        var options = configuration.GetSection(Section).Get<DoorOptions>() ?? new DoorOptions();
        return options.Problems().FirstOrDefault() is { } problem ? throw new StartupException(problem) : options;
    }

    /// <summary>Says what is wrong with these settings, one line each; empty when they can be used.</summary>
    public IEnumerable<string> Problems()
    {
        if (MaxMqttConnections is < 10 or > 1_000_000) yield return "Doors:MaxMqttConnections must be 10 to 1000000.";
        if (MaxHttpsConnections is < 10 or > 1_000_000) yield return "Doors:MaxHttpsConnections must be 10 to 1000000.";
        if (MaxConnectionsPerAddress is < 1 or > 1_000_000) yield return "Doors:MaxConnectionsPerAddress must be 1 to 1000000.";
        if (HandshakeTimeout < TimeSpan.FromSeconds(1) || HandshakeTimeout > TimeSpan.FromSeconds(60)) yield return "Doors:HandshakeTimeout must be 00:00:01 to 00:01:00.";
        if (HandshakesPerSecond is < 1 or > 100_000) yield return "Doors:HandshakesPerSecond must be 1 to 100000.";
        if (MaxHandshakes is < 1 or > 100_000) yield return "Doors:MaxHandshakes must be 1 to 100000.";
        if (MaxWaitingHandshakes is < 1 or > 100_000) yield return "Doors:MaxWaitingHandshakes must be 1 to 100000.";
        if (MaxHandshakesPerAddress is < 1 or > 100_000) yield return "Doors:MaxHandshakesPerAddress must be 1 to 100000.";
        if (MaxStatusConnections is < 10 or > 100_000) yield return "Doors:MaxStatusConnections must be 10 to 100000.";
        if (StatusRequestsPerSecond is < 10 or > 100_000) yield return "Doors:StatusRequestsPerSecond must be 10 to 100000.";
        if (MaxUnreadBytes is < 16 * 1024 or > 1024 * 1024) yield return "Doors:MaxUnreadBytes must be 16384 to 1048576.";
    }
}
