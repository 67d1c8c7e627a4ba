using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Api;

/// <summary>
/// The one root certificate a client believes when it speaks to a server. The machine's own root store is not asked, nothing is
/// downloaded, and the host name must match.
/// </summary>
public sealed class ServerTrust
{
    private const int MaximumAnswer = 256 * 1024;
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(30);
    private readonly X509Certificate2 _root;

    private ServerTrust(X509Certificate2 root) => _root = root;

    /// <summary>SHA-256 of the root certificate, lower-case hex without separators.</summary>
    public string RootFingerprint => Convert.ToHexStringLower(SHA256.HashData(_root.RawData));

    /// <summary>Trusts the root in a PEM file.</summary>
    /// <param name="path">The file, such as <c>ca/root.pem</c> in the server's data folder.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="CryptographicException">The file holds no certificate.</exception>
    public static ServerTrust FromRootFile(string path) => FromRoot(X509Certificate2.CreateFromPem(File.ReadAllText(path)));

    /// <summary>Trusts this root.</summary>
    /// <param name="root">The root certificate; a private key is not needed.</param>
    public static ServerTrust FromRoot(X509Certificate2 root) => new(root);

    /// <summary>
    /// Trusts the root that has this fingerprint: asks the server for its CA certificates and takes the one that fits. The server is not
    /// yet believed while it answers that (RFC 7030 4.1.1), so nothing secret is sent, and an impostor can only fail the comparison.
    /// </summary>
    /// <param name="server">The server's HTTPS address.</param>
    /// <param name="fingerprint">SHA-256 of the root certificate, hex; case, spaces and colons do not matter.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="FormatException">The fingerprint is not 64 hex digits.</exception>
    /// <exception cref="ServerUnreachableException">No answer, or none of the server's CA certificates has that fingerprint.</exception>
    public static async Task<ServerTrust> FromRootFingerprintAsync(Uri server, string fingerprint, CancellationToken cancellationToken = default)
    {
        var expected = ParseFingerprint(fingerprint);
        var certificates = CertificatesOf(server, await FetchAsync(server, cancellationToken));
        var root = certificates.FirstOrDefault(certificate => SHA256.HashData(certificate.Span).AsSpan().SequenceEqual(expected));
        if (!root.IsEmpty) return new ServerTrust(X509CertificateLoader.LoadCertificate(root.Span));
        throw new ServerUnreachableException(
            $"{server.Authority} has no CA certificate with SHA-256 {Convert.ToHexStringLower(expected)}: wrong server or wrong fingerprint.",
            new CryptographicException("Root fingerprint not found."));
    }

    /// <summary>An HTTP handler that believes this root only. The caller disposes it.</summary>
    public SocketsHttpHandler CreateHandler() => new()
    {
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = Verify },
        AutomaticDecompression = System.Net.DecompressionMethods.All,
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
    };

    private bool Verify(object sender, X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors)
    {
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0) return false;
        using var chain = new X509Chain { ChainPolicy = Policy() };
        if (sent is not null) chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        return chain.Build(certificate as X509Certificate2 ?? X509CertificateLoader.LoadCertificate(certificate.GetRawCertData()));
    }

    private X509ChainPolicy Policy() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { _root },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
        ApplicationPolicy = { new Oid("1.3.6.1.5.5.7.3.1") }, // serverAuth: a device's certificate must not pass for a server's
    };

    private static byte[] ParseFingerprint(string fingerprint)
    {
        var digits = fingerprint.Replace(":", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).Trim();
        if (digits.Length == 64 && digits.All(char.IsAsciiHexDigit)) return Convert.FromHexString(digits);
        throw new FormatException($"'{fingerprint}' is not a SHA-256 fingerprint: 64 hex digits are needed.");
    }

    private static async Task<string> FetchAsync(Uri server, CancellationToken cancellationToken)
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        using var http = new HttpClient(handler) { Timeout = FetchTimeout, MaxResponseContentBufferSize = MaximumAnswer };
        try { return await http.GetStringAsync(new Uri(server, "/.well-known/est/cacerts"), cancellationToken); }
        catch (Exception e) when (Unreachable.Is(e, cancellationToken)) { throw Unreachable.From(server, e); }
    }

    private static List<ReadOnlyMemory<byte>> CertificatesOf(Uri server, string base64)
    {
        try { return ReadCertsOnly(Convert.FromBase64String(base64)); }
        catch (Exception e) when (e is FormatException or AsnContentException)
        {
            throw new ServerUnreachableException(
                $"{server.Authority} does not answer as an enrolment server: no certs-only message (RFC 7030 4.1.3).", e);
        }
    }

    // ContentInfo { signedData, [0] SignedData { version, digestAlgorithms, encapContentInfo, [0] certificates, ... } }: RFC 5652 5.1
    private static List<ReadOnlyMemory<byte>> ReadCertsOnly(byte[] message)
    {
        var contentInfo = new AsnReader(message, AsnEncodingRules.BER).ReadSequence();
        contentInfo.ReadObjectIdentifier();
        var signedData = contentInfo.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)).ReadSequence();
        signedData.ReadInteger();
        signedData.ReadSetOf();
        signedData.ReadSequence();
        var certificates = signedData.ReadSetOf(skipSortOrderValidation: true, new Asn1Tag(TagClass.ContextSpecific, 0));
        var found = new List<ReadOnlyMemory<byte>>();
        while (certificates.HasData) found.Add(certificates.ReadEncodedValue());
        return found;
    }
}
