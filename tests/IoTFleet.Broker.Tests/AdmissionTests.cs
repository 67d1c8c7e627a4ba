using IoTFleet.Broker.Connections;

namespace IoTFleet.Broker.Tests;

public sealed class AdmissionTests
{
    [Theory, BothVersions]
    public async Task Refused_client_is_told_why_and_closed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.Admit = _ => new Admission.Refused(ReasonCode.NotAuthorized, "device-unknown", "There is no such device.");
        await using var client = broker.Open(version);

        var answer = await client.ConnectAsync("a");

        Assert.Equal(ReasonCode.NotAuthorized, answer.Reason);
        Assert.Equal(version == V5 ? "There is no such device." : null, answer.Properties.ReasonString);
        await client.ExpectClosedAsync();
        Assert.Equal((0, 1), (broker.Metrics.Connections, broker.Metrics.ConnectionsRefused));
    }

    [Theory, BothVersions]
    public async Task Client_is_told_to_come_back_when_the_policy_fails(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["AdmissionFailed"] };
        broker.Access.Admit = _ => throw new IOException("the database is away");
        await using var client = broker.Open(version);

        var answer = await client.ConnectAsync("a");

        Assert.Equal(ReasonCode.ServerUnavailable, answer.Reason);
        await client.ExpectClosedAsync();
        Assert.Equal(1, broker.Log.Count("AdmissionFailed"));
    }

    [Theory, BothVersions]
    public async Task Client_is_told_to_come_back_when_the_policy_does_not_answer(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.AdmissionTimeout = TimeSpan.FromSeconds(10));
        broker.Access.Admit = _ => throw new InvalidOperationException("too late");
        broker.Access.AdmissionOpen = new TaskCompletionSource().Task;
        await using var client = broker.Open(version);
        var connecting = client.ConnectAsync("a");
        await InMemoryBroker.UntilAsync(() => broker.Access.Asked == 1);

        broker.Clock.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(ReasonCode.ServerUnavailable, (await connecting).Reason);
        await client.ExpectClosedAsync();
        Assert.Equal("admission-timeout", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Packets_behind_a_refused_connect_are_not_taken(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.Admit = _ => new Admission.Refused(ReasonCode.NotAuthorized, "device-unknown", "There is no such device.");
        await using var client = broker.Open(version);

        await client.SendAsync(new ConnectPacket { Version = version, ClientId = "a" }, RawClient.Publish("t", "x", AtLeastOnce, 1));

        await client.ExpectAsync<ConnAckPacket>();
        await client.ExpectClosedAsync();
        Assert.Empty(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Revoked_while_connecting_is_closed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.StillAdmittedAnswer = _ => false;
        await using var client = broker.Open(version);

        var answer = await client.ConnectAsync("a");

        Assert.Equal(version == V5 ? ReasonCode.Banned : ReasonCode.NotAuthorized, answer.Reason);
        await client.ExpectClosedAsync();
        await client.Handled;
        Assert.Equal(0, broker.Metrics.Connections);
        Assert.Equal("revoked-while-connecting", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Revoked_and_swept_while_connecting_gets_its_refusal_and_nothing_else(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.StillAdmittedAnswer = principal =>
        {
            broker.Broker.Disconnect(principal.ClientId, ReasonCode.AdministrativeAction, "revoked");
            return false;
        };
        await using var client = broker.Open(version);

        var answer = await client.ConnectAsync("a");

        Assert.NotEqual(ReasonCode.Success, answer.Reason);
        await client.ExpectClosedAsync();           // no DISCONNECT after a refusing CONNACK [MQTT-3.14.0-1]
    }

    [Theory, BothVersions]
    public async Task Swept_just_after_the_second_look_is_closed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.StillAdmittedAnswer = principal => broker.Broker.Disconnect(principal.ClientId, ReasonCode.AdministrativeAction, "revoked");
        await using var client = broker.Open(version);

        await client.ConnectAsync("a");

        await client.ExpectDisconnectAsync(ReasonCode.AdministrativeAction);
    }

    [Theory, BothVersions]
    public async Task Session_of_a_client_revoked_while_connecting_is_dropped(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using (var before = await broker.ConnectToStayAsync("a", version))
        {
            await before.SubscribeAsync("t", AtLeastOnce);
            await before.LoseAsync();
        }

        broker.Access.StillAdmittedAnswer = _ => false;
        await using var revoked = broker.Open(version);
        await revoked.ConnectAsync("a", cleanStart: false, properties: new PropertyBlock { SessionExpiryInterval = 3600 });
        await revoked.Handled;

        Assert.Equal(0, broker.Publish("t", "x"));
    }
}
