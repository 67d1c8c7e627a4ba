using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Pki;

namespace IoTFleet.Server.Tests.Est;

/// <summary>What tests of enrolment need of a running server.</summary>
internal static class EstScene
{
    internal static HttpClient Http(this RunningServer server, X509Certificate2? certificate = null, SslProtocols protocols = SslProtocols.None) =>
        new(new SocketsHttpHandler { SslOptions = server.TlsOptions(certificate, protocols) }) { BaseAddress = new Uri($"https://localhost:{server.HttpsPort}/.well-known/") };

    internal static Task<GroupDetails> GroupAsync(this RunningServer server, string id, params string[] ways) =>
        server.Client.CreateGroupAsync(new CreateGroupRequest { Id = id, Ways = ways.Length > 0 ? ways : [EnrolmentWayNames.Token] });

    internal static async Task<string> TokenAsync(this RunningServer server, string? group = null, int uses = 10, string? device = null) =>
        (await server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "test", MaxUses = uses, Group = group, DeviceId = device })).Secret;

    internal static async Task<HttpResponseMessage> EstAsync(this HttpClient http, string operation, byte[] csr, string? user = null, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "est/" + operation);
        request.Content = new StringContent(Convert.ToBase64String(csr), new MediaTypeHeaderValue("application/pkcs10"));
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{token}")));
        return await http.SendAsync(request);
    }

    /// <summary>A signing request with a challenge password.</summary>
    internal static byte[] Csr(string commonName, string? challenge = null, RSA? rsa = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = rsa is null
            ? new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256)
            : new CertificateRequest($"CN={commonName}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        if (challenge is not null) request.OtherRequestAttributes.Add(new AsnEncodedData(new Oid("1.2.840.113549.1.9.7"), Utf8(challenge)));
        return request.CreateSigningRequest();
    }

    /// <summary>A batch of a group of its own and a claim certificate of it, with the key.</summary>
    internal static async Task<X509Certificate2> ClaimAsync(this RunningServer server, string batch, int quota = 10)
    {
        await server.GroupAsync("g-" + batch, EnrolmentWayNames.ClaimCertificate);
        await server.Client.CreateBatchAsync(new CreateBatchRequest { Id = batch, Group = "g-" + batch, Quota = quota, ClosesAt = DateTimeOffset.UtcNow.AddDays(1) });
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var issued = await server.Client.IssueClaimAsync(batch, new CertificateRequest($"CN={batch}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem());
        using var certificate = X509Certificate2.CreateFromPem(issued.CertificatePem);
        return certificate.CopyWithPrivateKey(key);
    }

    /// <summary>A registered manufacturer, and a device identity of it.</summary>
    internal static async Task<X509Certificate2> DeviceIdentityAsync(this RunningServer server, string group, string serial)
    {
        await server.GroupAsync(group, EnrolmentWayNames.Manufacturer);
        using var makerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var maker = new CertificateRequest("CN=Maker", makerKey, HashAlgorithmName.SHA256);
        maker.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        maker.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        maker.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(maker.PublicKey, false));
        var end = new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero);
        using var authority = maker.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), end);
        var announced = await server.Client.RegisterManufacturerAsync(new RegisterManufacturerRequest { Name = "Maker", Group = group, CertificatePem = authority.ExportCertificatePem() });
        using var proof = Leaf(authority, $"CN={announced.Challenge}", end);
        await server.Client.ProveManufacturerAsync(announced.Id, proof.ExportCertificatePem());
        return Leaf(authority, $"CN=Pump, SERIALNUMBER={serial}", end);
    }

    private static X509Certificate2 Leaf(X509Certificate2 authority, string subject, DateTimeOffset end)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        using var certificate = request.Create(authority, DateTimeOffset.UtcNow.AddDays(-1), end, SerialNumber.Create().Bytes.ToArray());
        return certificate.CopyWithPrivateKey(key);
    }

    private static byte[] Utf8(string text)
    {
        var writer = new System.Formats.Asn1.AsnWriter(System.Formats.Asn1.AsnEncodingRules.DER);
        writer.WriteCharacterString(System.Formats.Asn1.UniversalTagNumber.UTF8String, text);
        return writer.Encode();
    }
}
