using System.Globalization;
using System.Reflection;
using IoTFleet.Api;
using IoTFleet.Server.Security;

namespace IoTFleet.Server;

/// <summary>An administrator's key that this start made; the text is there only where it may be printed.</summary>
internal sealed record NewKey(string? Shown)
{
    public override string ToString() => "(secret)";
}

/// <summary>What a start found, made and opened: for the operator's eyes and, without secrets, for programs on this machine.</summary>
internal sealed record StartupReport(DataFolder Data, FleetIdentity Identity, int MqttPort, int HttpsPort, NewKey? NewAdministratorKey)
{
    public string RootFingerprint => Identity.RootFingerprint;

    public ServerFile ForLocalPrograms() => new()
    {
        ProcessId = Environment.ProcessId,
        MqttPort = MqttPort,
        HttpsPort = HttpsPort,
        RootFingerprint = RootFingerprint,
        RootFile = Identity.RootFile,
        ApiKeyFile = Data.AdministratorKey,
    };

    public void Print(TextWriter output)
    {
        var host = Identity.Hosts.FirstOrDefault() ?? "localhost";
        var version = typeof(StartupReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        output.WriteLine($"IoTFleet {version}, fleet {Identity.Authorities.Names.Domain}");
        Line("data", Data.Path);
        Line("authorities", Identity.Authorities switch
        {
            { Created: true } => "made: root, devices, servers, services, claims",
            { ServicesAdded: true, ClaimsAdded: true } => "found and reused; made: services, claims",
            { ServicesAdded: true } => "found and reused; made: services",
            { ClaimsAdded: true } => "found and reused; made: claims",
            { Services: null } => "found and reused; none for services, because ca/root.key is not here to make it",
            _ => "found and reused",
        });
        Line("root SHA-256", RootFingerprint);
        Line("certificate", $"{(Identity.ServerCertificateIsNew ? "made" : "found and reused")}, for {string.Join(", ", Identity.Hosts.Append("localhost"))}, until {Identity.ServerCertificateEnd.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}");
        Line("MQTT", $"mqtts://{host}:{MqttPort} (mutual TLS)");
        Line("WebSockets", $"wss://{host}:{HttpsPort}/mqtt (mutual TLS)");
        Line("EST", $"https://{host}:{HttpsPort}/.well-known/est");
        Line("REST", $"https://{host}:{HttpsPort}/api/v1");
        Line("console", $"https://{host}:{HttpsPort}/");
        Line("API key", NewAdministratorKey switch
        {
            null => $"made before; kept in {Data.AdministratorKey}",
            { Shown: null } => $"made for the administrator; kept in {Data.AdministratorKey}",
            { Shown: var key } => $"{key} (administrator; shown this once, kept in {Data.AdministratorKey})",
        });
        output.WriteLine("Ready.");

        void Line(string name, string value) => output.WriteLine($"  {name,-13} {value}");
    }
}
