using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Server.Security;

namespace IoTFleet.Server.Tests;

/// <summary>Both ends of a handshake over loopback, in this process: what the server's side made of a client's certificates.</summary>
internal static class TlsPair
{
    /// <returns>The verdict of a handshake that the server accepted, else null.</returns>
    public static async Task<PeerVerdict?> HandshakeAsync(
        Func<Action<PeerVerdict>, SslServerAuthenticationOptions> serverOptions, X509Certificate2 root, X509Certificate2? certificate,
        params X509Certificate2[] sentAlong)
    {
        PeerVerdict? verdict = null;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new TcpClient();
        await socket.ConnectAsync((IPEndPoint)listener.LocalEndpoint, deadline.Token);
        using var server = new SslStream((await listener.AcceptTcpClientAsync(deadline.Token)).GetStream());
        using var client = new SslStream(socket.GetStream());
        var clientSide = client.AuthenticateAsClientAsync(ClientOptions(root, certificate, sentAlong), deadline.Token);
        try
        {
            await server.AuthenticateAsServerAsync(serverOptions(accepted => verdict = accepted), deadline.Token);
            await clientSide;
            return verdict ?? PeerVerdict.Nobody;
        }
        catch (AuthenticationException)
        {
            server.Close();
            await clientSide.ContinueWith(_ => { }, TaskScheduler.Default);
            return null;
        }
    }

    private static SslClientAuthenticationOptions ClientOptions(X509Certificate2 root, X509Certificate2? certificate, X509Certificate2[] sentAlong) => new()
    {
        TargetHost = "localhost",
        RemoteCertificateValidationCallback = (_, presented, chain, _) => presented is not null && chain is not null && root.Handle != 0,
        ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, [.. sentAlong], offline: true),
    };
}
