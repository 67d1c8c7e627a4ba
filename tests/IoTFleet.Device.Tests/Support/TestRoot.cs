using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Device.Tests.Support;

/// <summary>A root with one certificate for a host name and a purpose that no authority of a fleet would issue together.</summary>
internal sealed record TestRoot(X509Certificate2 Root, X509Certificate2 Leaf) : IDisposable
{
    public static TestRoot WithLeaf(string host, string purpose)
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=root", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var root = rootRequest.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));

        using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leafRequest = new CertificateRequest($"CN={host}", leafKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        leafRequest.CertificateExtensions.Add(names.Build());
        leafRequest.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        using var leaf = leafRequest.Create(root, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(99), [1]);
        return new TestRoot(root, leaf.CopyWithPrivateKey(leafKey));
    }

    public void Dispose()
    {
        Root.Dispose();
        Leaf.Dispose();
    }
}
