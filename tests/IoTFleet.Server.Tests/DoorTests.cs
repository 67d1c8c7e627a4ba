using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>Who does not get in, why, and that the reason is logged and counted.</summary>
public sealed class DoorTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task An_enrolled_device_gets_in(SslProtocols protocol)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.OpenAsync(certificate, protocols: protocol);
        Assert.Equal(ReasonCode.Success, (await device.ConnectAsync("pump-7")).Reason);
    }

    [Fact]
    public async Task No_certificate_is_refused() => await ExpectHandshakeRefusedAsync(null, "no-certificate");

    [Fact]
    public async Task A_self_signed_certificate_is_refused()
    {
        using var pki = new TestPki();
        await ExpectHandshakeRefusedAsync(pki.SelfSigned("pump-7"), "untrusted");
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_refused()
    {
        using var pki = new TestPki();      // its names are the same as our authorities', its keys are not
        await ExpectHandshakeRefusedAsync(pki.Device("pump-7"), "untrusted");
    }

    [Fact]
    public async Task The_servers_own_certificate_is_refused_as_a_client()
    {
        var folder = Path.Combine(_server.DataPath, "tls");
        using var certificate = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "server.pem"), Path.Combine(folder, "server.key"));
        await ExpectHandshakeRefusedAsync(certificate, "wrong-issuer");
    }

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task An_expired_certificate_is_refused_at_connect_where_it_can_be_told(ProtocolVersion version) => await ExpectConnectRefusedAsync(
        Leaf("pump-7", issuedAgo: TimeSpan.FromMinutes(3), lifetime: TimeSpan.FromMinutes(1)), "pump-7", version, ReasonCode.NotAuthorized, "expired");

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task A_device_nobody_knows_is_refused_although_our_authority_signed(ProtocolVersion version) =>
        await ExpectConnectRefusedAsync(Leaf("stranger"), "stranger", version, ReasonCode.NotAuthorized, "device-unknown");

    [Fact]
    public async Task A_certificate_that_was_not_recorded_is_refused_although_its_device_is_known()
    {
        using var good = await _server.EnrolAsync("pump-7");
        await ExpectConnectRefusedAsync(Leaf("pump-7"), "pump-7", ProtocolVersion.V5, ReasonCode.NotAuthorized, "not-in-log");
    }

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task A_client_id_that_is_not_the_certificates_device_is_refused(ProtocolVersion version)
    {
        using var other = await _server.EnrolAsync("pump-8");
        using var certificate = await _server.EnrolAsync("pump-7");
        await ExpectConnectRefusedAsync(certificate, "pump-8", version, ReasonCode.ClientIdentifierNotValid, "client-id-mismatch");
    }

    [Fact]
    public async Task A_suspended_device_is_refused_until_it_is_resumed()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await _server.Client.SuspendDeviceAsync("pump-7");
        await ExpectConnectRefusedAsync(certificate, "pump-7", ProtocolVersion.V5, ReasonCode.Banned, "device-suspended");

        await _server.Client.ResumeDeviceAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        await device.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_revoked_device_is_refused()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await _server.Client.RevokeDeviceAsync("pump-7", "keyCompromise");
        await ExpectConnectRefusedAsync(certificate, "pump-7", ProtocolVersion.V5, ReasonCode.Banned, "device-revoked");
    }

    [Theory]
    [InlineData("devices/pump-8/telemetry")]
    [InlineData("devices/pump-7")]
    [InlineData("devices/pump-70/telemetry")]
    [InlineData("$fleet/revocations")]
    [InlineData("anything")]
    public async Task Publishing_outside_its_own_topics_is_refused(string topic)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        await device.SendAsync(new PublishPacket { Topic = TopicName.Parse(topic), Payload = "{}"u8.ToArray(), Qos = QualityOfService.AtLeastOnce, PacketId = 1 });
        Assert.Equal(ReasonCode.NotAuthorized, (await device.ExpectAsync<PubAckPacket>()).Reason);
        AssertCounted("publish-not-authorized");
    }

    [Theory]
    [InlineData("#")]
    [InlineData("devices/#")]
    [InlineData("devices/+/commands/#")]
    [InlineData("devices/pump-8/commands/#")]
    [InlineData("+/pump-7/commands")]
    [InlineData("$SYS/#")]
    public async Task Subscribing_outside_its_own_topics_is_refused(string filter)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        await device.SendAsync(new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse(filter), QualityOfService.AtLeastOnce)] });
        Assert.Equal([ReasonCode.NotAuthorized], (await device.ExpectAsync<SubAckPacket>()).Reasons);
        AssertCounted("subscribe-not-authorized");
    }

    [Fact]
    public async Task The_overview_shows_who_was_refused_and_why()
    {
        using var certificate = Leaf("stranger");
        await ExpectConnectRefusedAsync(certificate, "stranger", ProtocolVersion.V5, ReasonCode.NotAuthorized, "device-unknown");

        var overview = await _server.Client.GetOverviewAsync();
        Assert.Equal(1, overview.ConnectionsRefused);
        Assert.Contains(overview.RefusalsByReason, refusal => refusal is { Reason: "device-unknown", Count: 1 });
        var shown = Assert.Single(overview.RecentRefusals);
        Assert.Equal(("device-unknown", "stranger"), (shown.Reason, shown.ClientId));
    }

    /// <summary>A device certificate by our own authority that the server did not issue through any of its doors.</summary>
    private X509Certificate2 Leaf(string id, TimeSpan issuedAgo = default, TimeSpan? lifetime = null)
    {
        var clock = new FakeClock(TimeProvider.System.GetUtcNow() - issuedAgo);
        var authority = new CertificateAuthority(_server.Authorities.Devices, clock);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leaf = authority.Issue(new LeafTerms(id, _server.Authorities.Names.DeviceUri(id), key.ExportSubjectPublicKeyInfo(), lifetime ?? TimeSpan.FromDays(1), Backdate: TimeSpan.Zero));
        using var certificate = leaf.Load();
        return certificate.CopyWithPrivateKey(key);
    }

    private async Task ExpectHandshakeRefusedAsync(X509Certificate2? certificate, string reason)
    {
        await using var device = await _server.OpenAsync(certificate);       // with TLS 1.3 the client's side ends well before the server has judged
        await device.ExpectClosedAsync();
        AssertCounted(reason);
        certificate?.Dispose();
    }

    private async Task ExpectConnectRefusedAsync(X509Certificate2 certificate, string clientId, ProtocolVersion version, ReasonCode code, string reason)
    {
        await using var device = await _server.OpenAsync(certificate, version);
        var answer = await device.ConnectAsync(clientId);
        Assert.True(answer.Reason.IsFailure());
        if (version == ProtocolVersion.V5) Assert.Equal(code, answer.Reason);
        await device.ExpectClosedAsync();
        AssertCounted(reason);
    }

    private void AssertCounted(string reason)
    {
        Assert.Equal(1, _server.Refused(reason));
        Assert.Single(_server.Log.Lines, line => line.Contains($": {reason} (", StringComparison.Ordinal));
    }
}
