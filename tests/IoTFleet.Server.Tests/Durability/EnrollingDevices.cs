using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>Devices that enrol one after the other, each with a token for one use, and ask with the same request until they have their certificate.</summary>
internal sealed class EnrollingDevices(string name, IReadOnlyList<string> tokens, string rootFile, MortalServer server, ConcurrentDictionary<string, byte[]> received)
{
    private int _retries;

    /// <summary>How often an answer got lost.</summary>
    public int Retries => _retries;

    public async Task RunAsync(CancellationToken done)
    {
        for (var number = 0; number < tokens.Count && !done.IsCancellationRequested; number++)
        {
            var id = $"{name}-{number}";
            received[id] = await EnrolAsync(id, tokens[number]);
        }
    }

    private async Task<byte[]> EnrolAsync(string id, string token)
    {
        var body = Convert.ToBase64String(TestPki.Request(id));
        while (true)
        {
            try
            {
                var ready = await server.WhenUpAsync(CancellationToken.None);
                using var http = new HttpClient(ServerTrust.FromRootFile(rootFile).CreateHandler()) { BaseAddress = new Uri($"https://localhost:{ready.HttpsPort}"), Timeout = TimeSpan.FromSeconds(10) };
                using var request = new HttpRequestMessage(HttpMethod.Post, "/.well-known/est/simpleenroll") { Content = new StringContent(body) };
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/pkcs10");
                request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{id}:{token}")));
                using var answer = await http.SendAsync(request);
                var text = await answer.Content.ReadAsStringAsync();
                if ((int)answer.StatusCode < 500) return answer.IsSuccessStatusCode ? CertificateIn(text) : throw new Xunit.Sdk.XunitException($"{id} was refused: {answer.StatusCode} {text}");
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException && MortalServer.IsDeath(error))
            {
                // The answer will never come; whether there is a certificate is for the next server to know.
            }
            Interlocked.Increment(ref _retries);
        }
    }

    private static byte[] CertificateIn(string certsOnly)
    {
        var certificates = new X509Certificate2Collection();
#pragma warning disable SYSLIB0057 // There is no loader for certs-only messages yet.
        certificates.Import(Convert.FromBase64String(certsOnly.ReplaceLineEndings("")));
#pragma warning restore SYSLIB0057
        return certificates[0].RawData;
    }
}
