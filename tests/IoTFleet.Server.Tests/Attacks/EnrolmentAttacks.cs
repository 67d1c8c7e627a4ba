using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Tokens that are guessed, requests carried to another TLS session, and a key that the server made looked for where it has no business.</summary>
public sealed partial class EnrolmentAttacks
{
    [Fact]
    public async Task Row_21_after_five_wrong_tokens_an_address_is_not_looked_at()
    {
        await using var server = await RunningServer.StartAsync();
        server.ExpectedEvents = ["TokensGuessed"];
        using var est = new EstVisitor(server);
        var token = await est.TokenAsync();
        for (var guess = 0; guess < 5; guess++) Assert.Equal(HttpStatusCode.Unauthorized, (await est.EnrolAsync("pump-21", $"ift_guess{guess}", TestPki.Request("pump-21"))).Status);

        var (status, text) = await est.EnrolAsync("pump-21", token, TestPki.Request("pump-21"));       // not even the right one

        Assert.Equal(HttpStatusCode.TooManyRequests, status);
        Assert.Contains("too-many-wrong-tokens", text, StringComparison.Ordinal);
        Assert.Equal((5, 1), (server.Refused("token-unknown"), server.Refused("too-many-wrong-tokens")));
    }

    [Fact]
    public async Task Row_21_a_token_has_more_to_guess_than_anybody_can_and_is_stored_as_its_hash()
    {
        await using var server = await RunningServer.StartAsync();
        using var est = new EstVisitor(server);
        var tokens = new List<string>();
        for (var i = 0; i < 20; i++) tokens.Add(await est.TokenAsync());
        Assert.Equal(20, tokens.Distinct().Count());
        Assert.All(tokens, token => Assert.True(token.Length >= 4 + 22, "Fewer than 128 bits."));        // in base64

        Assert.All(tokens, token => Assert.False(AnyFileHolds(server.DataPath, token[4..])));
    }

    [Fact]
    public async Task Row_18_where_requests_are_bound_to_their_session_a_captured_one_is_refused()
    {
        await using var server = await RunningServer.StartAsync();
        await server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "bound", RequireChannelBinding = true });
        using var est = new EstVisitor(server);
        var captured = Linked("pump-18", Convert.ToBase64String(RandomNumberGenerator.GetBytes(12)));       // the tls-unique of a session that is over

        var (status, text) = await est.EnrolAsync("pump-18", await est.TokenAsync(group: "bound"), captured, "bound/simpleenroll");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("channel-binding", text, StringComparison.Ordinal);

        var unlinked = await est.EnrolAsync("pump-18", await est.TokenAsync(group: "bound"), TestPki.Request("pump-18"), "bound/simpleenroll");
        Assert.InRange((int)unlinked.Status, 400, 499);
        Assert.Contains("channel-binding", unlinked.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_36_a_key_that_the_server_made_is_in_the_answer_and_nowhere_else()
    {
        await using var server = await RunningServer.StartAsync();
        await server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "keys", ServerKeyGeneration = true });
        using var est = new EstVisitor(server);
        var (status, text) = await est.EnrolAsync("pump-36", await est.TokenAsync(group: "keys"), TestPki.Request("pump-36"), "keys/serverkeygen");
        Assert.Equal(HttpStatusCode.OK, status);
        var base64 = KeyPart().Match(text).Groups[1].Value;
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(Convert.FromBase64String(base64), out _);
        var secret = key.ExportParameters(includePrivateParameters: true).D!;

        var forms = new[] { base64, Convert.ToHexString(secret), Convert.ToHexStringLower(secret), Convert.ToBase64String(secret) };
        Assert.All(forms, form => Assert.DoesNotContain(server.Log.Lines, line => line.Contains(form, StringComparison.Ordinal)));
        Assert.All(forms, form => Assert.False(AnyFileHolds(server.DataPath, form)));
        Assert.False(AnyFileHolds(server.DataPath, secret));
        Assert.True(AnyFileHolds(server.DataPath, "pump-36"), "The search finds nothing at all.");
    }

    private static byte[] Linked(string name, string challenge)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.OtherRequestAttributes.Add(new AsnEncodedData("1.2.840.113549.1.9.7", [0x13, (byte)challenge.Length, .. Encoding.ASCII.GetBytes(challenge)]));
        return request.CreateSigningRequest();
    }

    private static bool AnyFileHolds(string folder, string text) => AnyFileHolds(folder, Encoding.UTF8.GetBytes(text));

    private static bool AnyFileHolds(string folder, byte[] bytes) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)).Any(file => Read(file).AsSpan().IndexOf(bytes) >= 0);

    private static byte[] Read(string file)
    {
        using var open = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = new MemoryStream();
        open.CopyTo(copy);
        return copy.ToArray();
    }

    [GeneratedRegex("application/pkcs8.*?\r\n\r\n([A-Za-z0-9+/=]+)\r\n", RegexOptions.Singleline)]
    private static partial Regex KeyPart();
}
