using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Authorities;

/// <summary>One authority as a bundle tells it.</summary>
public sealed record BundledAuthority(string Id, AuthorityPurpose Purpose, int Generation, AuthorityState State, ReadOnlyMemory<byte> Der);

/// <summary>
/// What devices are to trust, with a version that only grows, signed by an authority for servers. On the wire an envelope in JSON:
/// <c>{"payload": base64 of JSON, "signature": base64 of ECDSA in DER, "chain": [base64 of DER...]}</c>, the signer first in the chain.
/// The signature is over the words <c>iotfleet trust-bundle</c>, a line feed and the payload's bytes, so that it can be none over anything else.
/// </summary>
public sealed record TrustBundleDocument(string Fleet, long Version, DateTimeOffset IssuedAt, IReadOnlyList<BundledAuthority> Authorities, IReadOnlyList<ReadOnlyMemory<byte>> Cross)
{
    public const string Format = "iotfleet-trust-bundle-1";

    private const string SignedAs = "trust-bundle";
    private const int MaxLength = 1024 * 1024;

    public IEnumerable<BundledAuthority> Anchors => Authorities.Where(authority => authority.Purpose == AuthorityPurpose.Root);

    public bool Contains(string authorityId) => Authorities.Any(authority => authority.Id == authorityId);

    /// <summary>Whether both say the same to a device, whatever their versions.</summary>
    public bool SaysTheSameAs(TrustBundleDocument other) =>
        Authorities.Select(Key).SequenceEqual(other.Authorities.Select(Key)) && Cross.Count == other.Cross.Count && Cross.Zip(other.Cross).All(pair => pair.First.Span.SequenceEqual(pair.Second.Span));

    /// <returns>The signed document.</returns>
    public byte[] Sign(CertificateAuthority signer)
    {
        var payload = Payload();
        return Written(json =>
        {
            json.WriteBase64String("payload", payload);
            json.WriteBase64String("signature", signer.SignStatement(SignedAs, payload));
            json.WriteStartArray("chain");
            json.WriteBase64StringValue(signer.Certificate.RawData);
            foreach (var cross in Cross) json.WriteBase64StringValue(cross.Span);
            json.WriteEndArray();
        });
    }

    /// <summary>As a device does it: the signer must be an authority for servers below a root that is trusted already.</summary>
    public static bool TryVerify(
        ReadOnlyMemory<byte> signed, IReadOnlyCollection<X509Certificate2> roots, TimeProvider clock,
        [NotNullWhen(true)] out TrustBundleDocument? document, [NotNullWhen(false)] out string? problem)
    {
        document = null;
        if (!TryOpen(signed, out var payload, out var signature, out var chain, out problem)) return false;
        try
        {
            if (!IsTrusted(chain, roots, clock)) problem = "its signer is not an authority for servers below a trusted root";
            else if (!CertificateAuthority.VerifyStatement(chain[0], SignedAs, payload, signature)) problem = "its signature is not the signer's";
            else if (Read(payload) is { } read) document = read;
            else problem = "its payload is of another format";
            return document is not null;
        }
        finally
        {
            foreach (var certificate in chain) certificate.Dispose();
        }
    }

    /// <summary>One of our own, from our own database: not verified again.</summary>
    internal static TrustBundleDocument ReadOwn(ReadOnlyMemory<byte> signed)
    {
        using var json = JsonDocument.Parse(signed);
        return Read(json.RootElement.GetProperty("payload").GetBytesFromBase64()) ?? throw new InvalidOperationException("A stored trust bundle is not one.");
    }

    private static (string, AuthorityState) Key(BundledAuthority authority) => (authority.Id, authority.State);

    private byte[] Payload() => Written(json =>
    {
        json.WriteString("format", Format);
        json.WriteString("fleet", Fleet);
        json.WriteNumber("version", Version);
        json.WriteString("issuedAt", IssuedAt);
        json.WriteStartArray("authorities");
        foreach (var authority in Authorities)
        {
            json.WriteStartObject();
            json.WriteString("id", authority.Id);
            json.WriteString("purpose", authority.Purpose.ToString().ToLowerInvariant());
            json.WriteNumber("generation", authority.Generation);
            json.WriteString("state", authority.State.ToString().ToLowerInvariant());
            json.WriteBase64String("certificate", authority.Der.Span);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("cross");
        foreach (var cross in Cross) json.WriteBase64StringValue(cross.Span);
        json.WriteEndArray();
    });

    private static byte[] Written(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static TrustBundleDocument? Read(byte[] payload)
    {
        using var json = JsonDocument.Parse(payload);
        var root = json.RootElement;
        if (root.GetProperty("format").GetString() != Format) return null;
        return new TrustBundleDocument(
            root.GetProperty("fleet").GetString()!,
            root.GetProperty("version").GetInt64(),
            root.GetProperty("issuedAt").GetDateTimeOffset(),
            [.. root.GetProperty("authorities").EnumerateArray().Select(ReadAuthority)],
            [.. root.GetProperty("cross").EnumerateArray().Select(cross => (ReadOnlyMemory<byte>)cross.GetBytesFromBase64())]);
    }

    private static BundledAuthority ReadAuthority(JsonElement authority) => new(
        authority.GetProperty("id").GetString()!,
        Enum.Parse<AuthorityPurpose>(authority.GetProperty("purpose").GetString()!, ignoreCase: true),
        authority.GetProperty("generation").GetInt32(),
        Enum.Parse<AuthorityState>(authority.GetProperty("state").GetString()!, ignoreCase: true),
        authority.GetProperty("certificate").GetBytesFromBase64());

    private static bool TryOpen(ReadOnlyMemory<byte> signed, out byte[] payload, out byte[] signature, out X509Certificate2[] chain, [NotNullWhen(false)] out string? problem)
    {
        (payload, signature, chain, problem) = ([], [], [], "it is no signed trust bundle");
        if (signed.Length > MaxLength) return false;
        try
        {
            using var json = JsonDocument.Parse(signed);
            payload = json.RootElement.GetProperty("payload").GetBytesFromBase64();
            signature = json.RootElement.GetProperty("signature").GetBytesFromBase64();
            chain = [.. json.RootElement.GetProperty("chain").EnumerateArray().Select(link => X509CertificateLoader.LoadCertificate(link.GetBytesFromBase64()))];
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or CryptographicException)
        {
            return false;
        }
        if (chain.Length == 0) return false;
        problem = null;
        return true;
    }

    private static bool IsTrusted(X509Certificate2[] presented, IEnumerable<X509Certificate2> roots, TimeProvider clock)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy = TrustPolicy.For(roots, presented.Skip(1), clock);
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(KeyPurpose.ServerAuth));
        var isAuthority = presented[0].Extensions.OfType<X509BasicConstraintsExtension>().Any(constraints => constraints.CertificateAuthority);
        return isAuthority && KeyPurpose.IsGranted(presented[0], KeyPurpose.ServerAuth) && chain.Build(presented[0]);
    }
}
