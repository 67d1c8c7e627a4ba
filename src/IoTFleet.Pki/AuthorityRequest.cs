using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// What a server asks the holder of the root for: a certificate for an issuing authority's key. A PKCS#10 whose subject says which
/// authority (CN) of which fleet (O); the rest is the root's to decide.
/// </summary>
public sealed record AuthorityRequest(AuthorityPurpose Purpose, FleetNames Names, ReadOnlyMemory<byte> SubjectPublicKeyInfo)
{
    private const int MaxLength = 16 * 1024;

    /// <summary>SHA-256 of the key, to be compared by eye on both machines.</summary>
    public string KeyFingerprint => Fingerprint.Sha256(SubjectPublicKeyInfo.Span);

    public static string CreatePem(AuthorityPurpose purpose, FleetNames names, ECDsa key)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(NameOf(purpose));
        subject.AddOrganizationName(names.Domain);
        return new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256).CreateSigningRequestPem() + "\n";
    }

    public static bool TryRead(string pem, [NotNullWhen(true)] out AuthorityRequest? request, [NotNullWhen(false)] out string? problem)
    {
        request = null;
        if (pem.Length > MaxLength) { problem = "it is too large for a signing request"; return false; }
        try
        {
            // Checks the signature by the key it names.
            var read = CertificateRequest.LoadSigningRequestPem(pem, HashAlgorithmName.SHA256);
            var publicKey = read.PublicKey.ExportSubjectPublicKeyInfo();
            RequestedKey.Read(publicKey, KeyRules.Default).Dispose();
            request = new AuthorityRequest(PurposeOf(Part(read, Oids.CommonName)), new FleetNames(Part(read, Oids.Organization) ?? ""), publicKey);
            problem = null;
            return true;
        }
        catch (Exception unusable) when (unusable is RequestRefused or CryptographicException or ArgumentException or NotSupportedException)
        {
            problem = unusable is CryptographicException ? "it is not a PKCS#10 in PEM, signed by its own key" : unusable.Message;
            return false;
        }
    }

    public static string NameOf(AuthorityPurpose purpose) => purpose.ToString().ToLowerInvariant();

    /// <exception cref="ArgumentException">No such authority, or the root, which nobody signs.</exception>
    public static AuthorityPurpose PurposeOf(string? name) =>
        Enum.GetValues<AuthorityPurpose>().Where(purpose => purpose != AuthorityPurpose.Root && NameOf(purpose) == name).Select(purpose => (AuthorityPurpose?)purpose).SingleOrDefault()
        ?? throw new ArgumentException($"'{name}' is none of devices, claims, servers, services.");

    private static string? Part(CertificateRequest request, string oid) => request.SubjectName.EnumerateRelativeDistinguishedNames()
        .Where(part => !part.HasMultipleElements && part.GetSingleElementType().Value == oid)
        .Select(part => part.GetSingleElementValue()).FirstOrDefault();
}
