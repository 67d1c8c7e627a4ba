using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;

namespace IoTFleet.Server.Est;

/// <summary>
/// A key made for a device that cannot make one (RFC 7030 4.4). It exists for one answer: not stored, not logged, its bytes wiped when it has left;
/// so an answer that is lost is lost for good.
/// </summary>
internal sealed class ServerMadeKey : IDisposable
{
    private const string Boundary = "iotfleet-server-key";

    /// <summary>RFC 7030 4.4.1.1 and 4.4.1.2: the device names a key that its own is to be encrypted with. Who cannot do that must not answer with a bare one.</summary>
    private static readonly string[] ProtectionAttributes = ["1.2.840.113549.1.9.16.2.37", "1.2.840.113549.1.9.16.2.54"];

    private readonly ECDsa _key;

    private ServerMadeKey(ECDsa key, SigningRequest request) => (_key, Request) = (key, request);

    public static EnrolDeviceResult.Refused NoProtection { get; } =
        new(EnrolRefusalKind.BadRequest, "server-key-protection", "A key cannot be encrypted for the device here; leave that out, TLS protects the answer.");

    /// <summary>The name goes into a request of our own, so it has to be one that a device can have.</summary>
    public static EnrolDeviceResult.Refused? FindFault(SigningRequest asked)
    {
        if (IsToBeProtected(asked)) return NoProtection;
        return asked.CommonName is { } name && !DeviceName.IsValid(name)
            ? new(EnrolRefusalKind.BadRequest, "request-names", $"The request's subject must be absent or a CN that is a device id: {DeviceName.Rule}.")
            : null;
    }

    private static bool IsToBeProtected(SigningRequest asked) => asked.IgnoredAttributes.Any(ProtectionAttributes.Contains);

    /// <summary>As if the device had made it.</summary>
    public SigningRequest Request { get; }

    /// <param name="asked">What the device sent: its name is taken from it, its key is not looked at.</param>
    public static ServerMadeKey For(SigningRequest asked)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedNameBuilder();
        if (asked.CommonName is { } name) subject.AddCommonName(name);
        var der = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256).CreateSigningRequest();
        return SigningRequest.TryParse(der, out var request, out var problem)
            ? new ServerMadeKey(key, request)
            : throw new InvalidOperationException($"Our own request is not acceptable: {problem}.");
    }

    /// <summary>RFC 7030 4.4.2: the key, then the certificate.</summary>
    public async Task<IResult> SendAsync(HttpContext context, ReadOnlyMemory<byte> certificate, CancellationToken cancellationToken)
    {
        var head = Encoding.ASCII.GetBytes($"--{Boundary}\r\nContent-Type: application/pkcs8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        var tail = Encoding.ASCII.GetBytes(
            $"\r\n--{Boundary}\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            $"{EstFormat.WriteCertificates(CertsOnlyMessage.Encode([certificate]))}--{Boundary}--\r\n");
        var key = KeyInBase64();
        try
        {
            context.Response.ContentType = $"multipart/mixed; boundary={Boundary}";
            context.Response.ContentLength = head.Length + key.Length + tail.Length;
            context.Response.Headers.CacheControl = "no-store";
            await context.Response.Body.WriteAsync(head, cancellationToken);
            await context.Response.Body.WriteAsync(key, cancellationToken);
            await context.Response.Body.WriteAsync(tail, cancellationToken);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
        return TypedResults.Empty;
    }

    public void Dispose() => _key.Dispose();

    /// <summary>In bytes all the way: a string could not be wiped.</summary>
    private byte[] KeyInBase64()
    {
        var der = _key.ExportPkcs8PrivateKey();
        try
        {
            var text = new byte[Base64.GetMaxEncodedToUtf8Length(der.Length)];
            return Base64.EncodeToUtf8(der, text, out _, out _) == OperationStatus.Done ? text : throw new InvalidOperationException("The key cannot be encoded.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }
}
