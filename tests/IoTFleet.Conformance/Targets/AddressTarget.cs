using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Conformance.Targets;

/// <summary>
/// A server behind an address. For <c>mqtts</c>, <c>IOTFLEET_CONFORMANCE_CA</c> names the PEM file of its authority, and
/// <c>IOTFLEET_CONFORMANCE_CERT</c> and <c>IOTFLEET_CONFORMANCE_KEY</c> the client's certificate and key. <c>IOTFLEET_CONFORMANCE_PATIENCE</c> is
/// how many seconds an answer may take; 4 unless set.
/// </summary>
internal sealed class AddressTarget(string address) : Target
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("IOTFLEET_CONFORMANCE_PATIENCE") ?? "4", CultureInfo.InvariantCulture));
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan ToNotice = TimeSpan.FromMilliseconds(150);

    private readonly Uri _address = new(address.Contains("://", StringComparison.Ordinal) ? address : $"mqtt://{address}");

    public override InMemoryBroker InProcess(string why)
    {
        Assert.Skip($"Only the in-process target can {why}.");
        throw new InvalidOperationException("not reached");
    }

    public override async Task<RawClient> OpenAsync(ProtocolVersion version)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_address.Host, _address.Port);
        Stream stream = new NetworkStream(socket, ownsSocket: true);
        if (_address.Scheme == "mqtts") stream = await SecureAsync(stream);
        return new RawClient(DuplexPipe.Over(stream), version, patience: Patience);
    }

    /// <summary>Nobody tells when a server has seen that a socket is closed; a moment later it has.</summary>
    public override async Task LoseAsync(RawClient client)
    {
        await client.DisposeAsync();
        await Task.Delay(ToNotice, TimeProvider.System);
    }

    public override Task PassAsync(TimeSpan time)
    {
        Assert.SkipWhen(time > LongestWait, $"Only the in-process target can let {time.TotalSeconds:0} s pass.");
        return Task.Delay(time, TimeProvider.System);
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<Stream> SecureAsync(Stream stream)
    {
        var authority = X509CertificateLoader.LoadCertificateFromFile(File("CA"));
        using var pem = X509Certificate2.CreateFromPemFile(File("CERT"), File("KEY"));
        var own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        var secure = new SslStream(stream);
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = _address.Host,
            ClientCertificateContext = SslStreamCertificateContext.Create(own, additionalCertificates: null, offline: true),
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { authority },
                RevocationMode = X509RevocationMode.NoCheck,
            },
        });
        return secure;
    }

    private static string File(string which) =>
        Environment.GetEnvironmentVariable($"IOTFLEET_CONFORMANCE_{which}") ?? throw new InvalidOperationException($"mqtts needs IOTFLEET_CONFORMANCE_{which}, a PEM file.");
}
