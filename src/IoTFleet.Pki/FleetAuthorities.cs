using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>A fleet's own certificate authorities: the root and the two that issue, one for devices and one for servers.</summary>
public sealed class FleetAuthorities : IDisposable
{
    public required FleetNames Names { get; init; }
    public required X509Certificate2 Root { get; init; }

    /// <summary>Null when the operator keeps the root's key elsewhere; only making a new issuing authority needs it.</summary>
    public required IssuerKey? RootKey { get; init; }

    public required IssuerKey Devices { get; init; }
    public required IssuerKey Servers { get; init; }

    /// <summary>Where they are kept; null when they were made in memory only.</summary>
    public AuthorityFiles? Files { get; init; }

    /// <summary>True when this start made them, false when it found them.</summary>
    public bool Created { get; init; }

    public string RootFingerprint => Fingerprint.Sha256(Root);

    public void Dispose()
    {
        RootKey?.Dispose();
        Root.Dispose();
        Devices.Dispose();
        Servers.Dispose();
    }
}

/// <summary>The files of a CA folder.</summary>
public sealed record AuthorityFiles(string Folder)
{
    public string RootCertificate => Path.Combine(Folder, "root.pem");
    public string RootKey => Path.Combine(Folder, "root.key");
    public string DevicesCertificate => Path.Combine(Folder, "devices.pem");
    public string DevicesKey => Path.Combine(Folder, "devices.key");
    public string ServersCertificate => Path.Combine(Folder, "servers.pem");
    public string ServersKey => Path.Combine(Folder, "servers.key");
}
