using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Link;

/// <summary>Opens a mutually authenticated TLS connection to the broker.</summary>
internal sealed class TlsDialer(DeviceOptions options, IdentitySlots slots, DeviceTrust trust)
{
    // What OpenSSL 3.0 makes of a key of tpm2-openssl: it signs, but not within TLS.
    private const string KeyNotForTls = "OpenSSL could not use the device's key for TLS; name a key in hardware by its PKCS#11 URI instead, as docs/device-keys.md says";

    private static readonly SslApplicationProtocol Mqtt = new("mqtt");

    /// <summary>With which identity the latest connection was made.</summary>
    public DeviceIdentity Used { get; private set; } = slots.ForConnection();

    public async Task<Stream> DialAsync(CancellationToken cancellation)
    {
        Used = slots.ForConnection();
        var verdict = new ServerVerdict(options.BrokerName, trust.Pinned);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };   // Nagle would hold the CONNECT back for 40 ms
        try
        {
            await socket.ConnectAsync(options.BrokerName, options.BrokerPort, cancellation);
            var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await tls.AuthenticateAsClientAsync(Terms(Used, verdict), cancellation);
            return tls;
        }
        catch (Exception error)
        {
            socket.Dispose();
            if (error is AuthenticationException && verdict.Problem is null && error.GetBaseException().Message.Contains("EVP lib", StringComparison.Ordinal))
                throw new DeviceException(DeviceError.KeyStoreFailed, $"{KeyNotForTls} ({error.GetBaseException().Message})", error);
            if (error is AuthenticationException)
            {
                var problem = verdict.Problem ?? $"TLS with {options.BrokerName} failed: {error.Message}";
                throw new DeviceException(DeviceError.ServerNotTrusted, problem, error);
            }

            throw;
        }
    }

    private SslClientAuthenticationOptions Terms(DeviceIdentity identity, ServerVerdict verdict) => new()
    {
        TargetHost = options.BrokerName,
        ClientCertificateContext = identity.ClientCertificate,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        ApplicationProtocols = [Mqtt],
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = verdict.Trust.ChainPolicy(),
        RemoteCertificateValidationCallback = verdict.Accept,
    };
}
