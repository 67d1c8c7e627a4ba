using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Device.Identity;

/// <summary>The only certificates a device believes in: the fleet's own roots. The machine's trust store plays no part.</summary>
internal sealed class PinnedTrust(IReadOnlyList<X509Certificate2> roots, TimeProvider clock)
{
    private static readonly Oid ServerAuthentication = new("1.3.6.1.5.5.7.3.1");

    /// <summary>No root yet: nothing passes, but chains are built without a look at the network.</summary>
    public static PinnedTrust Nothing(TimeProvider clock) => new([], clock);

    public static string Fingerprint(ReadOnlySpan<byte> der) => Convert.ToHexStringLower(SHA256.HashData(der));

    public X509ChainPolicy ChainPolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,       // servers have short-lived certificates instead
            DisableCertificateDownloads = true,                // a certificate must not make the device fetch a URL
            VerificationTimeIgnored = false,
            VerificationTime = clock.GetUtcNow().UtcDateTime,
        };
        policy.ApplicationPolicy.Add(ServerAuthentication);    // a device's certificate must not pass for a server's
        foreach (var root in roots)
            policy.CustomTrustStore.Add(root);
        return policy;
    }
}

/// <summary>One handshake's verdict on the server, kept so that the error says what was wrong.</summary>
internal sealed class ServerVerdict(string host)
{
    public string? Problem { get; private set; }

    public RemoteCertificateValidationCallback Accept => (_, _, chain, errors) => Judge(chain, errors);

    /// <summary>RFC 7030 4.1.1: before the root is known the chain cannot be judged, so only the name is. Nothing secret may be sent.</summary>
    public RemoteCertificateValidationCallback AcceptUnanchored =>
        (_, _, chain, errors) => Judge(chain, errors & ~SslPolicyErrors.RemoteCertificateChainErrors);

    private bool Judge(X509Chain? chain, SslPolicyErrors errors)
    {
        Problem = Explain(chain, errors);
        return Problem is null;
    }

    private string? Explain(X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
            return null;
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return $"The server at {host} showed no certificate.";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return $"The certificate of the server at {host} does not carry that name; start the server with --host {host} or use the name it has.";
        var faults = chain?.ChainStatus.Select(s => s.Status.ToString()) ?? [];
        return $"The certificate of the server at {host} does not lead to the pinned root ({string.Join(", ", faults)}).";
    }
}
