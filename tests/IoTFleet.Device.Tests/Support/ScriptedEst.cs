using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Device.Tests.Support;

/// <summary>An EST server of this fleet, or one that pretends to be: its TLS certificate and what it hands out are the test's choice.</summary>
internal sealed class ScriptedEst : IAsyncDisposable
{
    private readonly TestPki _pki;
    private readonly X509Certificate2[] _handedOut;
    private readonly WebApplication _app;

    private ScriptedEst(TestPki pki, X509Certificate2 certificate, X509Certificate2[] chain, X509Certificate2[] handedOut)
    {
        (_pki, _handedOut) = (pki, handedOut);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, listener =>
            listener.UseHttps(https => (https.ServerCertificate, https.ServerCertificateChain) = (certificate, [.. chain]))));
        _app = builder.Build();
        _app.MapGet("/.well-known/est/cacerts", CaCerts);
        _app.MapPost("/.well-known/est/simpleenroll", SimpleEnrollAsync);
    }

    /// <summary>What each request carried: path, a blank, the Authorization header.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public ConcurrentQueue<string> SigningRequests { get; } = new();

    /// <summary>Answers given before a certificate is issued: status and body.</summary>
    public Queue<(int Status, string Body)> FirstAnswers { get; } = new();

    public Uri Address => new(_app.Urls.Single().Replace("127.0.0.1", "localhost"));

    public static Task<ScriptedEst> StartAsync(TestPki pki) =>
        StartAsync(pki, pki.Server(), [pki.ServerIssuer], [pki.Root, pki.DeviceIssuer, pki.ServerIssuer]);

    public static async Task<ScriptedEst> StartAsync(
        TestPki pki, X509Certificate2 certificate, X509Certificate2[] chain, X509Certificate2[] handedOut)
    {
        var est = new ScriptedEst(pki, certificate, chain, handedOut);
        await est._app.StartAsync();
        return est;
    }

    public DeviceOptions NewDevice(string fingerprint, string token = "secret-token") => Devices.Quick() with
    {
        Server = Address,
        RootFingerprint = fingerprint,
        EnrolmentToken = token,
        EnrolmentProtocol = EnrolmentProtocol.Est,
    };

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private IResult CaCerts(HttpRequest request)
    {
        Note(request);
        return Answer(CertsOnlyMessage.Encode(_handedOut));
    }

    private async Task<IResult> SimpleEnrollAsync(HttpRequest request)
    {
        Note(request);
        var body = await new StreamReader(request.Body).ReadToEndAsync();
        SigningRequests.Enqueue(body);
        if (FirstAnswers.TryDequeue(out var answer))
            return Results.Text(answer.Body, "text/plain", Encoding.UTF8, answer.Status);

        Assert.True(SigningRequest.TryParse(Convert.FromBase64String(body), out var parsed, out var problem), problem);
        var terms = Devices.Terms(_pki, parsed.CommonName!, parsed.SubjectPublicKeyInfo);
        return Answer(CertsOnlyMessage.Encode([_pki.DeviceAuthority.Issue(terms).Der]));
    }

    private void Note(HttpRequest request) => Requests.Enqueue($"{request.Path.Value!.Split('/')[^1]} {request.Headers.Authorization}");

    private static IResult Answer(byte[] message) =>
        Results.Text(Convert.ToBase64String(message, Base64FormattingOptions.InsertLineBreaks), "application/pkcs7-mime");
}
