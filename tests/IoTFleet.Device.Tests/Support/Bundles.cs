using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Support;

/// <summary>A trust bundle as a server would sign it; each of its parts can be made wrong.</summary>
internal sealed record Bundles
{
    public Bundles(TestPki pki)
    {
        (Signer, Fleet, Roots) = (pki.ServerAuthority, pki.Names.Domain, [pki.Root]);
        Chain = [Signer.Certificate];
    }

    public CertificateAuthority Signer { get; init; }

    public X509Certificate2[] Chain { get; init; }

    public string Fleet { get; init; }

    public long Version { get; init; } = 1;

    public DateTimeOffset IssuedAt { get; init; } = TimeProvider.System.GetUtcNow();

    public X509Certificate2[] Roots { get; init; }

    public string Format { get; init; } = "iotfleet-trust-bundle-1";

    /// <summary>The words that are signed with it.</summary>
    public string Context { get; init; } = "trust-bundle";

    public byte[] Write()
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(new
        {
            format = Format,
            fleet = Fleet,
            version = Version,
            issuedAt = IssuedAt,
            authorities = Roots.Select((root, n) => new { id = $"{n}", purpose = "root", generation = n + 1, state = "active", certificate = root.RawData }),
            cross = Array.Empty<byte[]>(),
        });
        return Envelope(payload, Signer.SignStatement(Context, payload));
    }

    public byte[] Envelope(byte[] payload, byte[] signature) => JsonSerializer.SerializeToUtf8Bytes(new { payload, signature, chain = Chain.Select(link => link.RawData) });
}
