using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>Backend applications: a certificate of their own, topics by rule, client ids as they like.</summary>
public sealed class ServiceTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task A_service_reads_what_devices_send_and_sends_commands(ProtocolVersion version)
    {
        using var ofService = await BillingAsync();
        using var ofDevice = await _server.EnrolAsync("pump-7");
        await using var service = await _server.ConnectAsync("any id, as it likes", ofService, version);
        await using var device = await _server.ConnectAsync("pump-7", ofDevice, version);
        Assert.Equal(ReasonCode.GrantedQos1, await service.SubscribeAsync("devices/+/telemetry/#", QualityOfService.AtLeastOnce));
        await device.SubscribeAsync("devices/pump-7/commands/#", QualityOfService.AtLeastOnce);

        await device.PublishAsync("devices/pump-7/telemetry", "{\"t\":1}", QualityOfService.AtLeastOnce, 1);
        Assert.Equal("devices/pump-7/telemetry", (await service.ExpectMessageAsync("{\"t\":1}")).Topic!.Value);
        await device.ExpectAsync<PubAckPacket>();
        await service.PublishAsync("devices/pump-7/commands/open", "{\"percent\":40}", QualityOfService.AtLeastOnce, 1);
        await device.ExpectMessageAsync("{\"percent\":40}");
    }

    [Theory]
    [InlineData("#")]
    [InlineData("+/#")]
    [InlineData("device")]
    [InlineData("$SYS/#")]
    [InlineData("$SYS/broker/uptime")]
    public async Task A_subscription_that_no_rule_covers_is_refused(string filter)
    {
        using var certificate = await BillingAsync();
        await using var service = await _server.ConnectAsync("reader", certificate);

        Assert.Equal(ReasonCode.NotAuthorized, await service.SubscribeAsync(filter));
        Assert.Equal(1, _server.Refused("subscribe-not-authorized"));
    }

    [Theory]
    [InlineData("devices/pump-7/telemetry")]
    [InlineData("devices/pump-7")]
    [InlineData("$SYS/broker/uptime")]
    [InlineData("anything")]
    public async Task A_publish_that_no_rule_matches_is_refused(string topic)
    {
        using var certificate = await BillingAsync();
        await using var service = await _server.ConnectAsync("sender", certificate);

        await service.PublishAsync(topic, "{}", QualityOfService.AtLeastOnce, 1);
        Assert.Equal(ReasonCode.NotAuthorized, (await service.ExpectAsync<PubAckPacket>()).Reason);
    }

    [Fact]
    public async Task A_will_that_no_rule_matches_is_refused()
    {
        using var certificate = await BillingAsync();
        await using var service = await _server.OpenAsync(certificate);
        var will = new WillMessage { Topic = TopicName.Parse("devices/pump-7/telemetry"), Payload = "{}"u8.ToArray() };
        Assert.Equal(ReasonCode.NotAuthorized, (await service.ConnectAsync("sender", will: will)).Reason);
    }

    [Fact]
    public async Task A_service_with_a_rule_for_telemetry_is_heard_by_subscribers_and_stored_for_no_device()
    {
        using var certificate = await _server.CreateServiceAsync("replay", ["devices/#"], ["devices/#"]);
        using var ofDevice = await _server.EnrolAsync("pump-7");
        await using var service = await _server.ConnectAsync("replay", certificate);
        await using var reader = await _server.ConnectAsync("reader", certificate);
        await reader.SubscribeAsync("devices/+/telemetry");

        await service.PublishAsync("devices/pump-7/telemetry", "not even JSON", QualityOfService.AtLeastOnce, 1);
        await reader.ExpectMessageAsync("not even JSON");
        Assert.Equal(ReasonCode.Success, (await service.ExpectAsync<PubAckPacket>()).Reason);

        var none = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.GetLatestTelemetryAsync("pump-7"));
        Assert.Equal(ProblemCodes.TelemetryNotFound, none.Code);
    }

    [Fact]
    public async Task No_client_id_of_a_service_takes_the_session_of_somebody_else()
    {
        using var billing = await BillingAsync();
        using var weather = await _server.CreateServiceAsync("weather", [], []);
        using var ofDevice = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", ofDevice);
        await using var first = await _server.ConnectAsync("worker", billing);

        await using var asDevice = await _server.ConnectAsync("pump-7", weather);
        await using var asWorker = await _server.ConnectAsync("worker", weather);
        await using var asPath = await _server.ConnectAsync("service:billing/worker", weather);
        await using var upwards = await _server.ConnectAsync("../billing/worker", weather);

        foreach (var client in (RawClient[])[device, first, asDevice, asWorker, asPath, upwards]) await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_service_without_a_client_id_is_given_one_it_can_come_back_with()
    {
        using var certificate = await BillingAsync();
        var kept = new PropertyBlock { SessionExpiryInterval = 60 };
        await using var first = await _server.OpenAsync(certificate);
        await using var second = await _server.OpenAsync(certificate);
        var assigned = (await first.ConnectAsync("", properties: kept)).Properties.AssignedClientIdentifier!;
        Assert.NotEqual(assigned, (await second.ConnectAsync("")).Properties.AssignedClientIdentifier);

        await using var again = await _server.OpenAsync(certificate);
        var answer = await again.ConnectAsync(assigned, cleanStart: false, properties: kept);
        Assert.Equal((true, null), (answer.SessionPresent, answer.Properties.AssignedClientIdentifier));
        await first.ExpectDisconnectAsync(ReasonCode.SessionTakenOver);
    }

    [Fact]
    public async Task Workers_of_a_group_share_what_the_rule_behind_it_allows()
    {
        using var certificate = await BillingAsync();
        using var ofDevice = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", ofDevice);
        await using var worker = await _server.ConnectAsync("worker", certificate);
        Assert.Equal(ReasonCode.Success, await worker.SubscribeAsync("$share/workers/devices/+/events/#"));
        Assert.Equal(ReasonCode.NotAuthorized, await worker.SubscribeAsync("$share/workers/#"));

        await device.PublishAsync("devices/pump-7/events/started", "{}");
        await worker.ExpectMessageAsync("{}");
    }

    [Fact]
    public async Task The_brokers_figures_are_for_a_service_with_a_rule_for_them()
    {
        using var certificate = await _server.CreateServiceAsync("monitor", ["$SYS/#"], []);
        await using var monitor = await _server.ConnectAsync("monitor", certificate);
        await monitor.SubscribeAsync("$SYS/broker/version");
        Assert.StartsWith("$SYS/broker/version", (await monitor.ExpectAsync<PublishPacket>()).Topic!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_client_id_of_the_same_service_takes_over()
    {
        using var certificate = await BillingAsync();
        using var another = await _server.IssueAsync("billing");
        await using var first = await _server.ConnectAsync("worker", certificate);
        await using var second = await _server.ConnectAsync("worker", another);

        await first.ExpectDisconnectAsync(ReasonCode.SessionTakenOver);
        await second.ExpectNothingAsync();
    }

    [Fact]
    public async Task Revoking_a_service_closes_all_its_connections_before_the_operator_is_answered_and_no_others()
    {
        using var certificate = await BillingAsync();
        using var another = await _server.IssueAsync("billing");
        using var other = await _server.CreateServiceAsync("billing-2", [], []);
        using var ofDevice = await _server.EnrolAsync("billing");
        await using var one = await _server.ConnectAsync("one", certificate);
        await using var two = await _server.ConnectAsync("two", another);
        await using var bystander = await _server.ConnectAsync("one", other);
        await using var device = await _server.ConnectAsync("billing", ofDevice);
        Assert.Equal(2, (await _server.Client.GetServiceAsync("billing")).Connections);

        var result = await _server.Client.RevokeServiceAsync("billing", "keyCompromise");

        Assert.Equal((2, 2), (result.CertificatesRevoked, result.ConnectionsClosed));
        await one.ExpectDisconnectAsync(ReasonCode.AdministrativeAction);
        await two.ExpectDisconnectAsync(ReasonCode.AdministrativeAction);
        await bystander.ExpectNothingAsync();
        await device.ExpectNothingAsync();
        var revoked = await _server.Client.GetServiceAsync("billing");
        Assert.Equal((ServiceStates.Revoked, 0, "keyCompromise"), (revoked.State, revoked.Connections, revoked.Certificates[0].RevocationReason));
    }

    [Fact]
    public async Task A_revoked_service_stays_out_after_a_restart()
    {
        using var certificate = await BillingAsync();
        await _server.Client.RevokeServiceAsync("billing");
        await _server.RestartAsync();

        await ExpectRefusedAsync(certificate, ReasonCode.Banned, "service-revoked");
    }

    [Fact]
    public async Task A_certificate_by_our_key_that_no_row_knows_is_refused()
    {
        await BillingAsync();
        using var stranger = Leaf("stranger");
        using var unknown = Leaf("billing");
        await ExpectRefusedAsync(stranger, ReasonCode.NotAuthorized, "service-unknown");
        await ExpectRefusedAsync(unknown, ReasonCode.NotAuthorized, "not-in-log");
    }

    [Fact]
    public async Task A_key_of_a_device_is_not_certified_for_a_service()
    {
        using var ofDevice = await _server.EnrolAsync("pump-7");
        await BillingAsync();
        using var key = ofDevice.GetECDsaPrivateKey()!;
        var request = new CertificateRequest("CN=billing", key, System.Security.Cryptography.HashAlgorithmName.SHA256).CreateSigningRequestPem();
        var refused = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.IssueServiceCertificateAsync("billing", request));
        Assert.Equal(ProblemCodes.KeyInUse, refused.Code);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    [InlineData("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----")]
    public async Task What_is_no_signing_request_is_refused(string text)
    {
        await BillingAsync();
        var refused = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.IssueServiceCertificateAsync("billing", text));
        Assert.Equal(ProblemCodes.InvalidRequest, refused.Code);
    }

    private Task<X509Certificate2> BillingAsync() => _server.CreateServiceAsync("billing", ["devices/#"], ["devices/+/commands/#"]);

    /// <summary>A service certificate by our own authority that the server did not issue through any of its doors.</summary>
    private X509Certificate2 Leaf(string name)
    {
        var authority = new Pki.CertificateAuthority(_server.Authorities.Services!, TimeProvider.System);
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var terms = new Pki.LeafTerms(name, _server.Authorities.Names.ServiceUri(name), key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(1), TimeSpan.Zero) { Profile = Pki.Profile.Service };
        using var certificate = authority.Issue(terms).Load();
        return certificate.CopyWithPrivateKey(key);
    }

    private async Task ExpectRefusedAsync(X509Certificate2 certificate, ReasonCode code, string reason)
    {
        await using var service = await _server.OpenAsync(certificate);
        Assert.Equal(code, (await service.ConnectAsync("any")).Reason);
        await service.ExpectClosedAsync();
        Assert.Equal(1, _server.Refused(reason));
    }
}
