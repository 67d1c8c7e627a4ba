using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Device.Identity;

/// <summary>The only certificates a device believes in: the fleet's own roots. The machine's trust store plays no part.</summary>
/// <param name="roots">One, or while the fleet changes its root, two.</param>
/// <param name="time">By which dates are judged.</param>
internal sealed class PinnedTrust(IReadOnlyList<X509Certificate2> roots, DeviceTime time)
{
    private static readonly Oid ServerAuthentication = new("1.3.6.1.5.5.7.3.1");

    /// <summary>No root yet: nothing passes, but chains are built without a look at the network.</summary>
    public static PinnedTrust Nothing(DeviceTime time) => new([], time);

    public static PinnedTrust In(IEnumerable<ReadOnlyMemory<byte>> roots, DeviceTime time) =>
        new([.. roots.Select(der => X509CertificateLoader.LoadCertificate(der.Span))], time);

    public DeviceTime Time => time;

    public static string Fingerprint(ReadOnlySpan<byte> der) => Convert.ToHexStringLower(SHA256.HashData(der));

    public X509ChainPolicy ChainPolicy() => ChainPolicy(time.Now);

    /// <summary>
    /// For a chain that was refused. A device whose clock is known to be wrong cannot say that a certificate has not begun: who signed it knew the time better.
    /// So that one is judged by its own beginning, and from then on it is at least so late. One that is over stays over.
    /// </summary>
    public bool AcceptsAtItsBeginning(X509Certificate2 shown, X509Chain refused)
    {
        var begins = new DateTimeOffset(shown.NotBefore.ToUniversalTime());
        if (!time.IsUnsure || begins <= time.Now)
            return false;
        using var again = new X509Chain { ChainPolicy = ChainPolicy(begins) };
        again.ChainPolicy.ExtraStore.AddRange(refused.ChainPolicy.ExtraStore);
        if (!again.Build(shown))
            return false;
        time.AtLeast(begins);
        return true;
    }

    private X509ChainPolicy ChainPolicy(DateTimeOffset at)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,       // servers have short-lived certificates instead
            DisableCertificateDownloads = true,                // a certificate must not make the device fetch a URL
            VerificationTimeIgnored = false,
            VerificationTime = at.UtcDateTime,
        };
        policy.ApplicationPolicy.Add(ServerAuthentication);    // a device's certificate must not pass for a server's
        foreach (var root in roots)
            policy.CustomTrustStore.Add(root);
        return policy;
    }
}

/// <summary>One handshake's verdict on the server, kept so that the error says what was wrong.</summary>
internal sealed class ServerVerdict(string host, PinnedTrust trust)
{
    public string? Problem { get; private set; }

    /// <summary>The server was proved by a root, not only by its name.</summary>
    public bool IsProved { get; private set; }

    public PinnedTrust Trust => trust;

    public RemoteCertificateValidationCallback Accept => (_, shown, chain, errors) => IsProved = Judge(chain, MayBeTooEarly(shown, chain, errors) ? SslPolicyErrors.None : errors);

    /// <summary>RFC 7030 4.1.1: before the root is known the chain cannot be judged, so only the name is. Nothing secret may be sent.</summary>
    public RemoteCertificateValidationCallback AcceptUnanchored =>
        (_, _, chain, errors) => Judge(chain, errors & ~SslPolicyErrors.RemoteCertificateChainErrors);

    private bool MayBeTooEarly(X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors) =>
        errors == SslPolicyErrors.RemoteCertificateChainErrors && shown is X509Certificate2 server && chain is not null && trust.AcceptsAtItsBeginning(server, chain);

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
