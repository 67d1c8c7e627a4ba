using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Listens where a certificate says that something is to be fetched, and counts who comes.</summary>
internal sealed class TrapServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Task _accepting;
    private int _visits;

    public TrapServer()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Visits => Volatile.Read(ref _visits);

    private string Address => $"http://{_listener.LocalEndpoint}";

    /// <summary>Every extension by which a certificate can send its reader somewhere.</summary>
    public X509Extension[] Lures =>
    [
        new X509AuthorityInformationAccessExtension(ocspUris: [Address + "/ocsp"], caIssuersUris: [Address + "/issuer.cer"]),
        CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([Address + "/list.crl"]),
        new X509Extension("2.5.29.46", CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([Address + "/delta.crl"]).RawData, critical: false),
    ];

    /// <summary>That the trap works: whoever comes is counted.</summary>
    public async Task CheckAsync()
    {
        var before = Visits;
        using var visitor = new TcpClient();
        await visitor.ConnectAsync((IPEndPoint)_listener.LocalEndpoint);
        await Eventually.TrueAsync(() => Task.FromResult(Visits == before + 1));
    }

    public void Dispose()
    {
        _listener.Stop();
        _accepting.Wait(TimeSpan.FromSeconds(20));
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                using var visitor = await _listener.AcceptSocketAsync();
                Interlocked.Increment(ref _visits);
            }
        }
        catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
        {
        }
    }
}
