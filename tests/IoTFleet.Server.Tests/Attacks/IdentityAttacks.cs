using System.Text;
using IoTFleet.Broker;
using IoTFleet.Mqtt;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Certificates that our own authority for devices signed, which say who they are in every wrong way; and clients that say they are somebody else.</summary>
public sealed class IdentityAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>
{
    private const string Ours = "spiffe://device.fleet.local/";
    private static readonly byte[] Victims = Encoding.ASCII.GetBytes(Ours + AttackedServer.Victim);

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task Row_08_another_client_id_than_the_certificates_touches_no_session(ProtocolVersion version)
    {
        using var other = await attacked.Server.EnrolAsync($"thief-{(int)version}");
        await using var victim = await attacked.Server.ConnectAsync(AttackedServer.Victim, attacked.Honest);
        var since = attacked.Server.Get<MqttBroker>().ConnectedSince(AttackedServer.Victim);

        await attacked.ExpectRefusedAsync("client-id-mismatch", other, AttackedServer.Victim, version, present: 1);

        await victim.ExpectNothingAsync();
        Assert.Equal(since, attacked.Server.Get<MqttBroker>().ConnectedSince(AttackedServer.Victim));
    }

    [Theory]
    [InlineData("PUMP-7")]
    [InlineData("pump-7 ")]
    [InlineData("")]
    [InlineData("service:pump-7")]
    public async Task Row_08_a_client_id_that_only_looks_like_the_certificates_is_refused(string clientId) =>
        await attacked.ExpectRefusedAsync("client-id-mismatch", attacked.Honest, clientId);

    [Theory]
    [InlineData("CN=pump-8")]
    [InlineData("CN=pump-8, CN=pump-7")]
    [InlineData("CN=pump-7, CN=pump-8")]
    public async Task Row_09_a_common_name_is_nobodys_identity(string subject)
    {
        using var certificate = (attacked.Forged with { Subject = subject }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync("client-id-mismatch", certificate, "pump-8");
        await attacked.ExpectRefusedAsync("not-in-log", certificate);
    }

    public static TheoryData<string, byte[]?, string> Shapes => new()
    {
        { "none", null, "identity-shape" },
        { "empty", Forgery.GeneralNames(), "identity-shape" },
        { "two URIs", Forgery.Uris(Ours + "pump-7", Ours + "pump-8"), "identity-shape" },
        { "the same URI twice", Forgery.Uris(Ours + "pump-7", Ours + "pump-7"), "identity-shape" },
        { "a DNS name", Forgery.GeneralNames((2, Encoding.ASCII.GetBytes("pump-7"))), "name-not-allowed" },
        { "a URI and a DNS name", Forgery.GeneralNames((6, Victims), (2, Encoding.ASCII.GetBytes("pump-7"))), "name-not-allowed" },
        { "an address", Forgery.GeneralNames((7, [127, 0, 0, 1])), "name-not-allowed" },
        { "an e-mail address", Forgery.GeneralNames((1, Encoding.ASCII.GetBytes("pump-7@fleet.local"))), "name-not-allowed" },
        { "a registered id", Forgery.GeneralNames((8, [0x2A, 0x03])), "identity-shape" },
        { "a URI of another scheme", Forgery.Uris("https://device.fleet.local/pump-7"), "identity-shape" },
        { "a URN", Forgery.Uris("urn:dev:pump-7"), "name-not-allowed" },
    };

    [Theory, MemberData(nameof(Shapes))]
    public async Task Row_09_a_certificate_with_another_number_or_kind_of_names_is_refused(string what, byte[]? names, string code)
    {
        Assert.NotEmpty(what);
        using var certificate = (attacked.Forged with { Names = names }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync(code, certificate);
    }

    [Theory]
    [InlineData("pump-7\0", "identity-grammar")]
    [InlineData("pump-7\0evil", "identity-grammar")]
    [InlineData("pump-7\n", "identity-grammar")]
    [InlineData("pump%2d7", "identity-grammar")]
    [InlineData("pump-%37", "identity-grammar")]
    [InlineData("PUMP-7", "identity-grammar")]
    [InlineData("pump-7.", "identity-grammar")]
    [InlineData(".pump-7", "identity-grammar")]
    [InlineData("pump-7/", "identity-grammar")]
    [InlineData("/pump-7", "identity-grammar")]
    [InlineData("x/../pump-7", "identity-grammar")]
    [InlineData("pump-7?", "identity-grammar")]
    [InlineData("pump-7#", "identity-grammar")]
    [InlineData("pump-7 ", "identity-grammar")]
    [InlineData("pump-7+", "identity-grammar")]
    [InlineData("", "identity-grammar")]
    public async Task Row_10_a_name_outside_the_grammar_is_nobodys(string name, string code)
    {
        using var certificate = (attacked.Forged with { Names = Forgery.Uris(Ours + name) }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync(code, certificate);
    }

    [Theory]
    [InlineData("spiffe://DEVICE.fleet.local/pump-7", "identity-host")]
    [InlineData("spiffe://device.fleet.local:8883/pump-7", "identity-host")]
    [InlineData("spiffe://pump-7@device.fleet.local/pump-7", "name-not-allowed")]
    [InlineData("SPIFFE://device.fleet.local/pump-7", "identity-shape")]
    [InlineData("spiffe://device.fleet.local", "identity-shape")]
    [InlineData("spiffe://device.fleet.local.evil.example/pump-7", "name-not-allowed")]
    [InlineData("spiffe://evil.example/device.fleet.local/pump-7", "name-not-allowed")]
    [InlineData("spiffe://device.fleet.local@evil.example/pump-7", "name-not-allowed")]
    public async Task Row_10_a_host_is_not_read_as_it_might_be_meant(string uri, string code)
    {
        using var certificate = (attacked.Forged with { Names = Forgery.Uris(uri) }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync(code, certificate);
    }

    [Fact]
    public async Task Row_10_letters_that_only_look_like_ours_are_no_text_at_all()
    {
        var cyrillic = Encoding.UTF8.GetBytes(Ours + "\u0440ump-7");
        using var certificate = (attacked.Forged with { Names = Forgery.GeneralNames((6, cyrillic)) }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync("identity-shape", certificate);
    }

    [Fact]
    public async Task Row_10_a_name_of_ten_thousand_letters_is_refused()
    {
        using var certificate = (attacked.Forged with { Names = Forgery.Uris(Ours + new string('a', 10_000)) }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync("identity-grammar", certificate);
    }
}
