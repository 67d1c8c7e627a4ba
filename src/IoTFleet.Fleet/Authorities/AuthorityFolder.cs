using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Authorities;

/// <summary>What a CA folder holds, as the directory takes it in, and where it looks for the keys of later generations.</summary>
internal static class AuthorityFolder
{
    private const string FileScheme = "file:";

    public static IEnumerable<FoundAuthority> Contents(FleetAuthorities folder)
    {
        yield return new(AuthorityPurpose.Root, folder.Root, folder.RootKey, folder.RootKey?.Reference);
        yield return new(AuthorityPurpose.Devices, folder.Devices.Certificate, folder.Devices, folder.Devices.Reference);
        yield return new(AuthorityPurpose.Servers, folder.Servers.Certificate, folder.Servers, folder.Servers.Reference);
        if (folder.Services is { } services) yield return new(AuthorityPurpose.Services, services.Certificate, services, services.Reference);
        if (folder.Claims is { } claims) yield return new(AuthorityPurpose.Claims, claims.Certificate, claims, claims.Reference);
    }

    /// <returns>Null when the key is kept elsewhere, or was destroyed.</returns>
    /// <exception cref="KeyFileException">The file is there but cannot be used, or is another authority's key.</exception>
    public static IssuerKey? Open(FleetAuthorities folder, X509Certificate2 certificate, string? reference) =>
        folder.Files is not { } files || reference is null ? null
            : IssuerKey.Open(X509CertificateLoader.LoadCertificate(certificate.RawData), reference, files.Folder, folder.Secrets);

    public static string ReferenceTo(string keyFile) => FileScheme + Path.GetFileName(keyFile);
}

internal sealed record FoundAuthority(AuthorityPurpose Purpose, X509Certificate2 Certificate, IssuerKey? Key, string? KeyReference)
{
    public string Id { get; } = AuthorityId.Of(Certificate);
}
