using IoTFleet.Pki;

namespace IoTFleet.Server;

/// <summary>
/// Settings of the server, section <c>IoTFleet</c>: from <c>appsettings.json</c>, the environment (<c>IoTFleet__Data</c>) and the command line,
/// the later one winning. The defaults run a single node on SQLite.
/// </summary>
public sealed class ServerOptions
{
    public const string Section = "IoTFleet";

    /// <summary>The folder that holds everything: authorities, keys, database.</summary>
    public string Data { get; set; } = "data";

    /// <summary>Where the fleet and its telemetry are kept: <c>sqlite</c>, in the data folder, or on a server: <c>postgresql</c> or <c>sqlserver</c>.</summary>
    public string Database { get; set; } = DatabaseNames.Sqlite;

    /// <summary>Of that server, password included; never logged. Empty: the file of ConnectionStringFile, or systemd's credential database-connection.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>The file with the connection string, for those who keep secrets out of settings.</summary>
    public string ConnectionStringFile { get; set; } = "";

    /// <summary>The fleet's domain, part of every certificate's identity; it cannot change once the authorities exist.</summary>
    public string Fleet { get; set; } = "fleet.local";

    /// <summary>Names and addresses that devices and operators reach this server by, beside localhost; they become the certificate's SANs.</summary>
    public string[] Hosts { get; set; } = [];

    /// <summary>
    /// The only DNS names, with all below them, that an authority for servers made from now on may name, beside localhost; no other address either. Empty: any.
    /// </summary>
    public string[] ServerDnsSuffixes { get; set; } = [];

    /// <summary>MQTT over mutual TLS. 0 takes any free port.</summary>
    public int MqttPort { get; set; } = 8883;

    /// <summary>EST, REST and the console over TLS. 0 takes any free port.</summary>
    public int HttpsPort { get; set; } = 8443;

    /// <summary>The file with the passphrase of the authorities' keys. Empty: asked of IOTFLEET_CA_PASSPHRASE and systemd; none leaves keys in the clear.</summary>
    public string CaPassphraseFile { get; set; } = "";

    /// <summary>The file with the PIN of the token that holds an authority's key. Empty: asked of IOTFLEET_CA_PIN and systemd.</summary>
    public string CaPinFile { get; set; } = "";

    /// <summary>Validity of a device certificate, in days. 1 to 90.</summary>
    public int DeviceCertificateDays { get; set; } = 30;

    /// <summary>Validity of a service's certificate, in days. 1 to 366.</summary>
    public int ServiceCertificateDays { get; set; } = 90;

    /// <summary>Whether MQTT clients must show a certificate that is in the log of issued certificates, so that an authority's key alone lets nobody in.</summary>
    public bool OnlyLoggedCertificates { get; set; } = true;

    /// <summary>Makes another administrator's key at this start, for whoever lost the first.</summary>
    public bool NewAdministratorKey { get; set; }

    /// <summary>Whether a new administrator's key is printed; off where the output is kept as a log, as by a service manager.</summary>
    public bool ShowNewKey { get; set; } = true;

    /// <summary>Whether an idle device's TLS buffers are given back (Linux); costs a little when it sends, saves a quarter of its memory.</summary>
    public bool ReleaseTlsBuffers { get; set; } = true;

    /// <summary>Revocation lists and OCSP over plain HTTP, for third parties. 0 takes any free port, -1 none.</summary>
    public int StatusPort { get; set; } = 8880;

    /// <summary>
    /// Where third parties reach that port, such as <c>http://pki.fleet.example/</c>; written into certificates. Empty: the first of Hosts, or localhost, and the
    /// port; nothing is written while the port is 0 or -1.
    /// </summary>
    public string StatusUrl { get; set; } = "";

    /// <summary>Whether the server sends an OCSP answer about its own certificate in the handshake (Linux). It fetches the answer from StatusUrl, so that must be reachable from here.</summary>
    public bool StapleOcsp { get; set; }

    /// <summary>What a node does that could not read the revocations for 30 s: <c>refuse</c> new sessions, or <c>accept</c> them, which is audited.</summary>
    public string StaleRevocations { get; set; } = "refuse";

    /// <summary>Lets a node start on a database that lacks revocations which it had put into force; for one start, after an older copy had to be restored. Audited.</summary>
    public bool AcceptOlderRevocations { get; set; }

    /// <summary>Devices that one operator may revoke in one request; above it a second one has to confirm. -1 for any number.</summary>
    public int SecondOperatorAbove { get; set; } = 100;

    /// <summary>Null when certificates are to name no place.</summary>
    internal StatusAddresses? StatusAddresses() =>
        StatusUrl.Length > 0 ? Pki.StatusAddresses.Of(StatusUrl)
        : StatusPort > 0 ? Pki.StatusAddresses.Of($"http://{HostForUrl()}:{StatusPort}/")
        : null;

    private string HostForUrl() => Hosts.FirstOrDefault() is not { } host ? "localhost" : host.Contains(':') ? $"[{host}]" : host;

    internal bool AcceptsStaleRevocations => StaleRevocations == "accept";

    /// <summary>TLS session tickets given to a client: 0, or 1 for fleets of small devices, whose own cost a resumed handshake lowers. Judged anew each time.</summary>
    public int TlsTickets { get; set; }

    public static ServerOptions From(IConfiguration configuration)
    {
        var options = configuration.GetSection(Section).Get<ServerOptions>() ?? new ServerOptions();
        if (options.Problem() is { } problem) throw new StartupException(problem);
        return options;
    }

    private string? Problem()
    {
        if (string.IsNullOrWhiteSpace(Data)) return "IoTFleet:Data is empty; name a folder.";
        if (!DatabaseNames.All.Contains(Database)) return $"IoTFleet:Database is '{Database}'; it must be {string.Join(", ", DatabaseNames.All[..^1])} or {DatabaseNames.All[^1]}.";
        if (Database == DatabaseNames.Sqlite && ConnectionString.Length + ConnectionStringFile.Length > 0) return "IoTFleet:ConnectionString is given, but IoTFleet:Database is sqlite; name the server's kind, or leave it out.";
        if (MqttPort is < 0 or > 65_535) return $"IoTFleet:MqttPort is {MqttPort}; it must be 0 to 65535.";
        if (HttpsPort is < 0 or > 65_535) return $"IoTFleet:HttpsPort is {HttpsPort}; it must be 0 to 65535.";
        if (MqttPort == HttpsPort && MqttPort != 0) return $"IoTFleet:MqttPort and IoTFleet:HttpsPort are both {MqttPort}; they need different ports.";
        if (StatusPort is < -1 or > 65_535) return $"IoTFleet:StatusPort is {StatusPort}; it must be 0 to 65535, or -1 for none.";
        if (StatusPort > 0 && (StatusPort == MqttPort || StatusPort == HttpsPort)) return $"IoTFleet:StatusPort is {StatusPort}, the port of another listener; it needs one of its own.";
        if (StatusUrl.Length > 0 && (!Uri.TryCreate(StatusUrl, UriKind.Absolute, out var url) || url.Scheme != "http")) return $"IoTFleet:StatusUrl is '{StatusUrl}'; it must be an http URL such as http://pki.fleet.example/.";
        if (DeviceCertificateDays is < 1 or > 90) return $"IoTFleet:DeviceCertificateDays is {DeviceCertificateDays}; it must be 1 to 90.";
        if (ServiceCertificateDays is < 1 or > 366) return $"IoTFleet:ServiceCertificateDays is {ServiceCertificateDays}; it must be 1 to 366.";
        if (SecondOperatorAbove < -1) return $"IoTFleet:SecondOperatorAbove is {SecondOperatorAbove}; it must be a number of devices, or -1 for no limit.";
        if (StaleRevocations is not ("refuse" or "accept")) return $"IoTFleet:StaleRevocations is '{StaleRevocations}'; it must be refuse or accept.";
        if (TlsTickets is not (0 or 1)) return $"IoTFleet:TlsTickets is {TlsTickets}; it must be 0 or 1.";
        if (Hosts.FirstOrDefault(host => Uri.CheckHostName(host) == UriHostNameType.Unknown) is { } host) return $"IoTFleet:Hosts holds '{host}', which is neither a host name nor an address.";
        if (ServerDnsSuffixes.FirstOrDefault(suffix => !IsSuffix(suffix)) is { } wrong) return $"IoTFleet:ServerDnsSuffixes holds '{wrong}'; it must be a domain name in lower case such as fleet.example.";
        return Names(Fleet) is null ? $"IoTFleet:Fleet is '{Fleet}'; it must be a domain name such as fleet.example." : null;
    }

    private static bool IsSuffix(string text) => Uri.CheckHostName(text) == UriHostNameType.Dns && text == text.ToLowerInvariant() && !text.EndsWith('.');

    private static FleetNames? Names(string domain)
    {
        try
        {
            return new FleetNames(domain);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}

/// <summary>The server cannot start; the message is one line that says what, which and what to do.</summary>
public sealed class StartupException(string message, Exception? cause = null) : Exception(message, cause);
