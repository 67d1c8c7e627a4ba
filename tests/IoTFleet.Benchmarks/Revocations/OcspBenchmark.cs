using System.Formats.Asn1;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Status;
using IoTFleet.Pki;
using IoTFleet.Pki.Ocsp;
using IoTFleet.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Benchmarks.Revocations;

/// <summary>An OCSP answer: what it is made of, and over HTTP with eight askers at once, of which each waits for its answer; asker and server are one process.</summary>
internal static class OcspBenchmark
{
    private const int Answers = 500;
    private const string Signature = "one P-256 signature";

    public static async Task<Table> RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("iotfleet-ocsp-");
        var settings = new Dictionary<string, string?>
        {
            ["IoTFleet:Data"] = folder.FullName,
            ["IoTFleet:MqttPort"] = "0",
            ["IoTFleet:HttpsPort"] = "0",
            ["IoTFleet:StatusPort"] = "0",
            ["Doors:StatusRequestsPerSecond"] = "100000",
        };
        try
        {
            await using var server = await FleetServer.StartAsync(settings, builder => builder.Logging.ClearProviders());
            return await MeasureAsync(server);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<Table> MeasureAsync(FleetServer server)
    {
        var authority = server.Services.GetRequiredService<AuthorityDirectory>().Active(AuthorityPurpose.Devices);
        using var leaf = await EnrolAsync(server);
        var question = Question(authority.Certificate, leaf);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var signer = await OcspSigner.CreateAsync(TimeSpan.FromDays(7), terms => Task.FromResult(authority.Issue(terms)));
        var responder = server.Services.GetRequiredService<AnswerOcsp>();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.StatusPort}") };
        return await new Table("OCSP", "answer",
        [
            Case.Of(Signature, Answers, count => Repeat(count, () => key.SignData(question, HashAlgorithmName.SHA256))),
            Case.Of("question read, answer signed", Answers, count => Repeat(count, () => Answer(signer, question)), Signature),
            new Case("with the look into the database", Answers, () => Repeat(Answers, () => responder.RunAsync(question, CancellationToken.None)), Signature),
            new Case("over HTTP, eight at once", Answers, () => Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Repeat(Answers / 8, () => AskAsync(http, question)))), Signature),
        ]).MeasureAsync();
    }

    private static void Repeat(int count, Action action)
    {
        for (var i = 0; i < count; i++) action();
    }

    private static async Task Repeat(int count, Func<Task> action)
    {
        for (var i = 0; i < count; i++) await action();
    }

    private static void Answer(OcspSigner signer, byte[] question)
    {
        if (!OcspRequest.TryParse(question, out var request)) throw new InvalidOperationException("It was a good question.");
        var now = TimeProvider.System.GetUtcNow();
        signer.Sign(new OcspAnswer { Certificates = [new OcspCertStatus(request.Certificates[0], OcspStatus.Good)], ThisUpdate = now, NextUpdate = now.AddMinutes(5), Nonce = request.Nonce });
    }

    private static async Task AskAsync(HttpClient http, byte[] question)
    {
        using var content = new ByteArrayContent(question) { Headers = { ContentType = new MediaTypeHeaderValue("application/ocsp-request") } };
        using var answer = await http.PostAsync("/ocsp", content);
        if ((await answer.Content.ReadAsByteArrayAsync()).Length < 200) throw new InvalidOperationException("That was a refusal.");
    }

    private static async Task<X509Certificate2> EnrolAsync(FleetServer server)
    {
        var asked = new CreateTokenRequest("ocsp benchmark", TimeSpan.FromHours(1), MaxUses: 1);
        var token = (CreateTokenResult.Created)await server.Services.GetRequiredService<CreateToken>().RunAsync(Actor.System, asked, CancellationToken.None);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        SigningRequest.TryParse(new CertificateRequest("CN=pump-1", key, HashAlgorithmName.SHA256).CreateSigningRequest(), out var request, out _);
        var result = await server.Services.GetRequiredService<EnrolDevice>().RunAsync(new EnrolDeviceRequest(token.Secret.Reveal(), "pump-1", request!), CancellationToken.None);
        return X509CertificateLoader.LoadCertificate(((EnrolDeviceResult.Issued)result).CertificateDer.Span);
    }

    /// <summary>As openssl asks: issuer by SHA-1, with a nonce.</summary>
    private static byte[] Question(X509Certificate2 issuer, X509Certificate2 leaf)
    {
        var info = new AsnReader(issuer.PublicKey.ExportSubjectPublicKeyInfo(), AsnEncodingRules.DER).ReadSequence();
        info.ReadSequence();
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            using (writer.PushSequence())
            using (writer.PushSequence())
            {
                using (writer.PushSequence()) writer.WriteObjectIdentifier("1.3.14.3.2.26");
                writer.WriteOctetString(CryptographicOperations.HashData(HashAlgorithmName.SHA1, issuer.SubjectName.RawData));
                writer.WriteOctetString(CryptographicOperations.HashData(HashAlgorithmName.SHA1, info.ReadBitString(out _)));
                writer.WriteInteger(leaf.SerialNumberBytes.Span);
            }
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 2)))
            using (writer.PushSequence())
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier("1.3.6.1.5.5.7.48.1.2");
                using (writer.PushOctetString()) writer.WriteOctetString(RandomNumberGenerator.GetBytes(16));
            }
        }
        return writer.Encode();
    }
}
