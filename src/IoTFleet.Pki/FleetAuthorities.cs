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

    /// <summary>For the certificates that let a batch of devices ask for their first ones; null as for services.</summary>
    public IssuerKey? Claims { get; init; }

    /// <summary>Where they are kept; null when they were made in memory only.</summary>
    public AuthorityFiles? Files { get; init; }

    /// <summary>What opened their keys, and opens those of later generations.</summary>
    public KeySecrets Secrets { get; init; } = KeySecrets.None;

    /// <summary>The only DNS names that an authority for servers made from now on may name, with all below them. Empty: any.</summary>
    public IReadOnlyList<string> DnsSuffixes { get; init; } = [];

    /// <summary>True when this start made them, false when it found them.</summary>
    public bool Created { get; init; }

    /// <summary>True when this start added the authority for services to a folder that it found.</summary>
    public bool ServicesAdded { get; init; }

    /// <summary>True when this start added the authority for claims to a folder that it found.</summary>
    public bool ClaimsAdded { get; init; }

    public string RootFingerprint => Fingerprint.Sha256(Root);

    public void Dispose()
    {
        RootKey?.Dispose();
        Root.Dispose();
        Devices.Dispose();
        Servers.Dispose();
        Services?.Dispose();
        Claims?.Dispose();
    }
}

/// <summary>The files of a CA folder.</summary>
public sealed record AuthorityFiles(string Folder)
{
    public string RootCertificate => Certificate(AuthorityPurpose.Root);
    public string RootKey => Key(AuthorityPurpose.Root);
    public string DevicesCertificate => Certificate(AuthorityPurpose.Devices);
    public string DevicesKey => Key(AuthorityPurpose.Devices);
    public string ServersCertificate => Certificate(AuthorityPurpose.Servers);
    public string ServersKey => Key(AuthorityPurpose.Servers);
    public string ServicesCertificate => Certificate(AuthorityPurpose.Services);
    public string ServicesKey => Key(AuthorityPurpose.Services);
    public string ClaimsCertificate => Certificate(AuthorityPurpose.Claims);
    public string ClaimsKey => Key(AuthorityPurpose.Claims);

    public string Certificate(AuthorityPurpose purpose) => Path.Combine(Folder, NameOf(purpose) + ".pem");
    public string Key(AuthorityPurpose purpose) => Path.Combine(Folder, NameOf(purpose) + ".key");

    /// <summary>What is to be signed by a root that is kept elsewhere.</summary>
    public string Request(AuthorityPurpose purpose) => Path.Combine(Folder, NameOf(purpose) + ".csr");

    /// <summary>In a file, or in a token whose URI a file beside it holds.</summary>
    public bool HasKey(AuthorityPurpose purpose) => File.Exists(Key(purpose)) || File.Exists(Key(purpose) + IssuerKey.UriSuffix);

    /// <summary>Of a later generation: <c>devices-2.pem</c>. The first has no number.</summary>
    public string Certificate(AuthorityPurpose purpose, int generation) => Path.Combine(Folder, NameOf(purpose, generation) + ".pem");
    public string Key(AuthorityPurpose purpose, int generation) => Path.Combine(Folder, NameOf(purpose, generation) + ".key");

    private static string NameOf(AuthorityPurpose purpose, int generation) => generation == 1 ? NameOf(purpose) : $"{NameOf(purpose)}-{generation}";

    private static string NameOf(AuthorityPurpose purpose) => AuthorityRequest.NameOf(purpose);
}
