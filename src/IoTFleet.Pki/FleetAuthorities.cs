using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>A fleet's own certificate authorities: the root and those that issue, each for one kind of holder.</summary>
public sealed class FleetAuthorities : IDisposable
{
    public required FleetNames Names { get; init; }
    public required X509Certificate2 Root { get; init; }

    /// <summary>Null when the operator keeps the root's key elsewhere; only making a new issuing authority needs it.</summary>
    public required IssuerKey? RootKey { get; init; }

    public required IssuerKey Devices { get; init; }
    public required IssuerKey Servers { get; init; }

    /// <summary>Null in a folder made before there were services, as long as the root's key is not there to make one.</summary>
    public required IssuerKey? Services { get; init; }

    /// <summary>Where they are kept; null when they were made in memory only.</summary>
    public AuthorityFiles? Files { get; init; }

    /// <summary>True when this start made them, false when it found them.</summary>
    public bool Created { get; init; }

    /// <summary>True when this start added the authority for services to a folder that it found.</summary>
    public bool ServicesAdded { get; init; }

    public string RootFingerprint => Fingerprint.Sha256(Root);

    public void Dispose()
    {
        RootKey?.Dispose();
        Root.Dispose();
        Devices.Dispose();
        Servers.Dispose();
        Services?.Dispose();
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
    public string ServicesCertificate => Path.Combine(Folder, "services.pem");
    public string ServicesKey => Path.Combine(Folder, "services.key");
}
