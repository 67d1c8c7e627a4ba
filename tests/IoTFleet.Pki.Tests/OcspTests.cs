using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki.Ocsp;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

/// <summary>Questions as openssl writes them, answers as openssl reads them.</summary>
public sealed class OcspTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestPki _pki = new();
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private OcspSigner _signer = null!;

    public async ValueTask InitializeAsync() =>
        _signer = await OcspSigner.CreateAsync(TimeSpan.FromDays(7), terms => Task.FromResult(_pki.DeviceAuthority.Issue(terms)));

    public ValueTask DisposeAsync()
    {
        _signer.Dispose();
        _pki.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(OcspStatus.Good, "leaf.pem: good")]
    [InlineData(OcspStatus.Revoked, "leaf.pem: revoked")]
    [InlineData(OcspStatus.Unknown, "leaf.pem: unknown")]
    public async Task Openssl_believes_the_answer_to_its_own_question(OcspStatus status, string expected)
    {
        var (request, file) = await AskAsync();

        var result = await ReadAnswerAsync(Answer(request, status), file);

        Assert.Contains("Response verify OK", result.Everything);
        Assert.Contains(expected, result.Everything);
        if (status == OcspStatus.Revoked) Assert.Contains("Reason: keyCompromise", result.Everything);
    }

    [Theory]
    [InlineData("-sha1")]
    [InlineData("-sha256")]
    public async Task Issuer_is_found_by_either_hash_and_another_is_not(string hash)
    {
        var (request, _) = await AskAsync(hash);
        var certificate = Assert.Single(request.Certificates);

        Assert.True(new OcspIssuer("", _pki.DeviceIssuer).IsNamedBy(certificate));
        Assert.False(new OcspIssuer("", _pki.ServiceIssuer).IsNamedBy(certificate));
    }

    /// <summary>That openssl checks it is shown at the status port: of a question in a file it makes the nonce anew.</summary>
    [Fact]
    public async Task Answer_carries_the_questions_nonce()
    {
        var (request, file) = await AskAsync();

        var result = await ReadAnswerAsync(Answer(request, OcspStatus.Good), file);

        Assert.Contains($"OCSP Nonce: \n            {Convert.ToHexString(request.Nonce!.Value.Span)}", result.Everything.Replace("0410", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Question_without_a_nonce_has_none() => Assert.Null((await AskAsync("-sha1", "-no_nonce")).Request.Nonce);

    /// <summary>RFC 9654 2.1: 1 to 128 octets.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public async Task Nonce_has_bounds(int length, bool good)
    {
        var (request, _) = await AskAsync();
        Assert.Equal(good, OcspRequest.TryParse(Encode(request, 1, new byte[length]), out var parsed));
        if (good) Assert.Equal(length, parsed!.Nonce!.Value.Length);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(10, true)]
    [InlineData(11, false)]
    [InlineData(0, false)]
    public async Task Question_asks_about_one_to_ten(int count, bool good)
    {
        var (request, _) = await AskAsync();
        Assert.Equal(good, OcspRequest.TryParse(Encode(request, count, null), out _));
    }

    [Fact]
    public async Task Damaged_questions_are_refused_and_nothing_is_thrown()
    {
        var (request, _) = await AskAsync();
        var whole = Encode(request, 2, new byte[16]);
        for (var length = 0; length < whole.Length; length++) Assert.False(OcspRequest.TryParse(whole.AsMemory(0, length), out _));
        for (var at = 0; at < whole.Length; at++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0xFF;
            OcspRequest.TryParse(damaged, out _); // Some changes leave a question about something else.
        }
        Assert.False(OcspRequest.TryParse(new byte[OcspRequest.MaxLength + 1], out _));
    }

    [Fact]
    public void Responder_is_certified_by_the_authority_it_answers_for_and_for_nothing_else()
    {
        using var certificate = _signer.Leaf.Load();
        Assert.Equal(_pki.DeviceIssuer.SubjectName.Name, certificate.IssuerName.Name);
        Assert.Equal("1.3.6.1.5.5.7.3.9", certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages[0].Value);
        Assert.Equal([0x05, 0x00], certificate.Extensions.Single(extension => extension.Oid!.Value == "1.3.6.1.5.5.7.48.1.5").RawData);
        Assert.False(_signer.IsDue(_now));
        Assert.True(_signer.IsDue(_now.AddDays(6)));
    }

    [Fact]
    public async Task Refusal_is_five_bytes_that_openssl_understands()
    {
        var (_, file) = await AskAsync();
        var result = await ReadAnswerAsync(OcspAnswer.Encode(OcspProblem.Unauthorized), file);
        Assert.Contains("unauthorized (6)", result.Everything);
    }

    private byte[] Answer(OcspRequest request, OcspStatus status) => _signer.Sign(new OcspAnswer
    {
        Certificates = [.. request.Certificates.Select(one => new OcspCertStatus(one, status, _now.AddMinutes(-5), RevocationReason.KeyCompromise))],
        ThisUpdate = _now,
        NextUpdate = _now.AddMinutes(5),
        Nonce = request.Nonce,
    });

    private async Task<(OcspRequest Request, string File)> AskAsync(params string[] options)
    {
        TestPki.WriteCertificates(_folder.Path, "issuer", _pki.DeviceIssuer);
        TestPki.WriteCertificates(_folder.Path, "root", _pki.Root);
        TestPki.WriteCertificates(_folder.Path, "leaf", _pki.Device("pump-1"));
        var file = _folder.File("question");
        var hash = options.FirstOrDefault(option => option.StartsWith("-sha", StringComparison.Ordinal)) ?? "-sha1";
        string[] others = [.. options.Where(option => option != hash)];
        await Peers.RunAsync("openssl", ["ocsp", hash, "-issuer", _folder.File("issuer.pem"), "-cert", _folder.File("leaf.pem"), "-reqout", file, .. others]);
        Assert.True(OcspRequest.TryParse(await File.ReadAllBytesAsync(file), out var request));
        return (request, file);
    }

    private async Task<PeerResult> ReadAnswerAsync(byte[] answer, string question)
    {
        var file = _folder.File("answer");
        await File.WriteAllBytesAsync(file, answer);
        return await Peers.RunAsync("openssl", "ocsp", "-respin", file, "-reqin", question, "-no_nonce", "-resp_text", "-issuer", _folder.File("issuer.pem"), "-cert", _folder.File("leaf.pem"),
            "-CAfile", _folder.File("root.pem"), "-verify_other", _folder.File("issuer.pem"));
    }

    private static byte[] Encode(OcspRequest request, int count, byte[]? nonce)
    {
        var writer = new System.Formats.Asn1.AsnWriter(System.Formats.Asn1.AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                for (var one = 0; one < count; one++)
                {
                    using (writer.PushSequence()) writer.WriteEncodedValue(request.Certificates[0].Encoded.Span);
                }
            }
            if (nonce is not null)
            {
                using (writer.PushSequence(new(System.Formats.Asn1.TagClass.ContextSpecific, 2)))
                using (writer.PushSequence())
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier("1.3.6.1.5.5.7.48.1.2");
                    using (writer.PushOctetString()) writer.WriteOctetString(nonce);
                }
            }
        }
        return writer.Encode();
    }
}
