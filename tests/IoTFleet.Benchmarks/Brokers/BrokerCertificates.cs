using System.Security.Cryptography;
using IoTFleet.Pki;

namespace IoTFleet.Benchmarks.Brokers;

/// <summary>One fleet's authorities and certificates, made for the run and used by both brokers and by the load.</summary>
internal sealed class BrokerCertificates : IDisposable
{
    private readonly FleetAuthorities _authorities;
    private readonly ServerCertificate _server;

    private BrokerCertificates(FleetAuthorities authorities, ServerCertificate server) => (_authorities, _server) = (authorities, server);

    public FleetAuthorities Authorities => _authorities;

    public ServerCertificate Server => _server;

    public static string AuthoritiesFile(string folder) => Path.Combine(folder, "authorities.pem");

    public static string ServerFile(string folder) => Path.Combine(folder, "tls", "server.pem");

    public static string ServerKey(string folder) => Path.Combine(folder, "tls", "server.key");

    public static string DeviceFile(string folder) => Path.Combine(folder, "device.pem");

    public static string DeviceKey(string folder) => Path.Combine(folder, "device.key");

    /// <summary>Makes what is not there; a process started later finds it.</summary>
    public static BrokerCertificates Open(string folder)
    {
        var clock = TimeProvider.System;
        var names = new FleetNames("fleet.local");
        var authorities = RootCeremony.LoadOrCreate(Path.Combine(folder, "ca"), names, clock);
        var servers = new CertificateAuthority(authorities.Servers, clock);
        var server = ServerCertificate.LoadOrCreateAsync(Path.Combine(folder, "tls"), [], servers, clock, terms => Task.FromResult(servers.Issue(terms))).GetAwaiter().GetResult();
        if (!File.Exists(DeviceFile(folder))) CreateDevice(folder, authorities, names);
        return new BrokerCertificates(authorities, server);
    }

    public void Dispose()
    {
        _server.Dispose();
        _authorities.Dispose();
    }

    private static void CreateDevice(string folder, FleetAuthorities authorities, FleetNames names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var terms = new LeafTerms("device", names.DeviceUri("device"), key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(1), TimeSpan.FromHours(1));
        using var certificate = new CertificateAuthority(authorities.Devices, TimeProvider.System).Issue(terms).Load();
        PemFile.WriteSecret(DeviceKey(folder), key.ExportPkcs8PrivateKeyPem() + "\n");
        PemFile.WritePublic(AuthoritiesFile(folder), authorities.Root.ExportCertificatePem() + "\n" + authorities.Devices.Certificate.ExportCertificatePem() + "\n");
        PemFile.WritePublic(DeviceFile(folder), certificate.ExportCertificatePem() + "\n");
    }
}
