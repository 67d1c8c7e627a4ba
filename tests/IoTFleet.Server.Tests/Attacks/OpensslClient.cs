using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Mqtt;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>openssl's client, which sends what .NET's does not: chains of any certificates, old versions, sessions taken up again, renegotiation.</summary>
internal sealed class OpensslClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();
    private readonly RunningServer _server;
    private int _files;

    public OpensslClient(RunningServer server)
    {
        Peers.Require("openssl");
        _server = server;
    }

    public string File(string name) => _folder.File(name);

    /// <summary>Connects with the certificate and the others sent along, and says CONNECT and PUBLISH as the victim would, until the server closes.</summary>
    public Task<string> SayHelloAsync(X509Certificate2 certificate, IEnumerable<X509Certificate2> sent, params string[] arguments) =>
        RunAsync(_server.MqttPort, AttackedServer.Hello(AttackedServer.Victim, ProtocolVersion.V5), [.. With(certificate, sent), .. arguments]);

    /// <summary>What s_client is told to show this certificate, and to send these along.</summary>
    public string[] With(X509Certificate2 certificate, IEnumerable<X509Certificate2> sent)
    {
        var name = $"client-{_files++}";
        var leaf = Path.Combine(_folder.Path, name + ".pem");
        System.IO.File.WriteAllText(leaf, certificate.ExportCertificatePem() + "\n");
        var key = Path.Combine(_folder.Path, name + ".key");
        using (var ecdsa = certificate.GetECDsaPrivateKey()) PemFile.WriteSecret(key, ecdsa?.ExportPkcs8PrivateKeyPem() ?? certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        if (!sent.Any()) return ["-cert", leaf, "-key", key];
        var chain = TestPki.WriteCertificates(_folder.Path, name + "-sent", [.. sent]);
        return ["-cert", leaf, "-key", key, "-cert_chain", chain];
    }

    /// <returns>All that openssl printed, what the server sent among it.</returns>
    public async Task<string> RunAsync(int port, byte[] input, params string[] arguments)
    {
        using var process = Start(port, ["-ign_eof", .. arguments]);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input);
            await process.StandardInput.BaseStream.FlushAsync();
        }
        catch (IOException)
        {
            // It has ended: the server would not have it.
        }

        await process.WaitForExitAsync().WaitAsync(Patience);
        return await output + await errors;
    }

    /// <summary>Running, with its standard input open; ends when the server closes. The caller ends it otherwise.</summary>
    public Process Start(int port, params string[] arguments)
    {
        string[] all = ["s_client", "-connect", $"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", _server.RootFile, .. arguments];
        return Process.Start(new ProcessStartInfo(Peers.Require("openssl"), all)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.Latin1,
        })!;
    }

    public void Dispose() => _folder.Dispose();
}
