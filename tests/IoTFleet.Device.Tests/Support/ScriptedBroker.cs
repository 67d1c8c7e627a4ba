using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Support;

/// <summary>A broker on a loopback port that does nothing by itself: the test takes each connection and says what happens on it.</summary>
internal sealed class ScriptedBroker : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<BrokerEnd> _ends = [];

    public ScriptedBroker() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Starts a device that speaks to this broker without TLS.</summary>
    public DeviceClient StartDevice(DeviceOptions? options = null) => DeviceClient.StartOver(DialAsync, options ?? Devices.Quick());

    /// <summary>The next connection, up to and including the SUBACK; the device counts it as connected.</summary>
    public async Task<BrokerEnd> AcceptDeviceAsync(ProtocolVersion version = ProtocolVersion.V5, PropertyBlock? terms = null)
    {
        var end = await AcceptAsync(version);
        await end.WelcomeAsync(terms);
        return end;
    }

    /// <summary>The next connection, before anything was said on it.</summary>
    public async Task<BrokerEnd> AcceptAsync(ProtocolVersion version = ProtocolVersion.V5, CancellationToken cancellation = default) =>
        Keep(new BrokerEnd(new NetworkStream(await AcceptSocketAsync(cancellation), ownsSocket: true), version));

    /// <summary>The next connection over TLS with this certificate; <paramref name="seen"/> hears of the device's certificate.</summary>
    public async Task<BrokerEnd> AcceptTlsAsync(TestPki pki, X509Certificate2 certificate, Action<X509Certificate?>? seen = null, CancellationToken cancellation = default)
    {
        var tls = new SslStream(new NetworkStream(await AcceptSocketAsync(cancellation), ownsSocket: true));
        try
        {
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, [pki.ServerIssuer], offline: true),
                ClientCertificateRequired = true,
                ApplicationProtocols = [new SslApplicationProtocol("mqtt")],
                RemoteCertificateValidationCallback = (_, shown, _, _) => { seen?.Invoke(shown); return true; },
            }, cancellation);
        }
        catch (Exception error) when (error is IOException or System.Security.Authentication.AuthenticationException)
        {
            // The device does not like us; what comes after shows as a closed connection.
        }

        return Keep(new BrokerEnd(tls, ProtocolVersion.V5));
    }

    public async Task<Stream> DialAsync(CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_listener.LocalEndpoint, cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (var end in _ends)
            await end.DisposeAsync();
    }

    private async Task<Socket> AcceptSocketAsync(CancellationToken cancellation = default)
    {
        var socket = await _listener.AcceptSocketAsync(cancellation).AsTask().WaitAsync(Patience, cancellation);
        socket.NoDelay = true;
        return socket;
    }

    private BrokerEnd Keep(BrokerEnd end)
    {
        _ends.Add(end);
        return end;
    }
}
