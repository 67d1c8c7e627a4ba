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

    /// <summary>Where a server has sent the device; null for where it is configured to go.</summary>
    public BrokerAddress? Elsewhere { get; set; }

    private BrokerAddress Address => Elsewhere ?? new BrokerAddress(options.BrokerName, options.BrokerPort);

    public async Task<Stream> DialAsync(CancellationToken cancellation)
    {
        Used = slots.ForConnection();
        var address = Address;
        var verdict = new ServerVerdict(address.Host, trust.Pinned);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };   // Nagle would hold the CONNECT back for 40 ms
        try
        {
            await socket.ConnectAsync(address.Host, address.Port, cancellation);
            var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await tls.AuthenticateAsClientAsync(Terms(address.Host, Used, verdict), cancellation);
            return tls;
        }
        catch (Exception error)
        {
            socket.Dispose();
            if (error is AuthenticationException && verdict.Problem is null && error.GetBaseException().Message.Contains("EVP lib", StringComparison.Ordinal))
                throw new DeviceException(DeviceError.KeyStoreFailed, $"{KeyNotForTls} ({error.GetBaseException().Message})", error);
            if (verdict.IsProved && error is AuthenticationException or IOException)
                throw new TurnedAwayException($"{address.Host} showed its certificate and then ended the TLS handshake; it possibly refused this device's certificate.", error);
            if (error is AuthenticationException)
            {
                var problem = verdict.Problem ?? $"TLS with {address.Host} failed: {error.Message}";
                throw new DeviceException(DeviceError.ServerNotTrusted, problem, error);
            }

            throw;
        }
    }

    private SslClientAuthenticationOptions Terms(string host, DeviceIdentity identity, ServerVerdict verdict) => new()
    {
        TargetHost = host,
        ClientCertificateContext = identity.ClientCertificate,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        ApplicationProtocols = [Mqtt],
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = verdict.Trust.ChainPolicy(),
        RemoteCertificateValidationCallback = verdict.Accept,
    };
}
