using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Authorities;

/// <summary>What a CA folder holds, as the directory takes it in, and where it looks for the keys of later generations.</summary>
internal static class AuthorityFolder
{
    private const string FileScheme = "file:";

    public static IEnumerable<FoundAuthority> Contents(FleetAuthorities folder)
    {
        yield return new(AuthorityPurpose.Root, folder.Root, folder.RootKey, Reference(folder.RootKey, folder.Files?.RootKey));
        yield return new(AuthorityPurpose.Devices, folder.Devices.Certificate, folder.Devices, Reference(folder.Devices, folder.Files?.DevicesKey));
        yield return new(AuthorityPurpose.Servers, folder.Servers.Certificate, folder.Servers, Reference(folder.Servers, folder.Files?.ServersKey));
        if (folder.Services is { } services) yield return new(AuthorityPurpose.Services, services.Certificate, services, Reference(services, folder.Files?.ServicesKey));
        if (folder.Claims is { } claims) yield return new(AuthorityPurpose.Claims, claims.Certificate, claims, Reference(claims, folder.Files?.ClaimsKey));
    }

    /// <returns>Null when the key is kept elsewhere, or was destroyed.</returns>
    /// <exception cref="KeyFileException">The file is there but cannot be used, or is another authority's key.</exception>
    public static IssuerKey? Open(AuthorityFiles? files, X509Certificate2 certificate, string? reference)
    {
        if (files is null || reference?.StartsWith(FileScheme, StringComparison.Ordinal) != true) return null;
        var file = Path.Combine(files.Folder, Path.GetFileName(reference[FileScheme.Length..]));
        if (!File.Exists(file)) return null;
        var key = PemFile.ReadKey(file);
        if (IsKeyOf(certificate, key)) return new IssuerKey(X509CertificateLoader.LoadCertificate(certificate.RawData), key);
        key.Dispose();
        throw new KeyFileException(file, $"is not the key of {certificate.Subject}", "restore it from the backup of that authority");
    }

    public static string ReferenceTo(string keyFile) => FileScheme + Path.GetFileName(keyFile);

    private static string? Reference(IssuerKey? key, string? file) => key is null || file is null ? null : ReferenceTo(file);

    private static bool IsKeyOf(X509Certificate2 certificate, ECDsa key) =>
        certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.ExportSubjectPublicKeyInfo());
}

internal sealed record FoundAuthority(AuthorityPurpose Purpose, X509Certificate2 Certificate, IssuerKey? Key, string? KeyReference)
{
    public string Id { get; } = AuthorityId.Of(Certificate);
}
