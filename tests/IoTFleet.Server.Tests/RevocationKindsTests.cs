using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Server.Mqtt;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests;

/// <summary>Revocations that name no session: certificates, keys, authorities; many at once; and where the answer says they are in force.</summary>
public sealed class RevocationKindsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(("IoTFleet:SecondOperatorAbove", "2"));

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Revoking_a_certificate_closes_the_session_that_uses_it_and_says_where_it_is_in_force()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);

        var revoked = await _server.Client.RevokeCertificateAsync(certificate.SerialNumber, "superseded");

        Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        Assert.Equal(("revoked", "superseded", "pump-7"), (revoked.State, revoked.RevocationReason, revoked.Holder));
        Assert.Equal((1, 1, 0), (revoked.Effective!.Nodes, revoked.Effective.Of, revoked.Effective.Unacknowledged.Count));
        await using var again = await _server.OpenAsync(certificate);
        Assert.Equal(ReasonCode.Banned, (await again.ConnectAsync("pump-7")).Reason);
    }

    [Fact]
    public async Task A_suspended_certificate_is_let_in_again_once_it_is_resumed()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);

        await _server.Client.SuspendCertificateAsync(certificate.SerialNumber);
        Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        await _server.Client.ResumeCertificateAsync(certificate.SerialNumber);

        await using var again = await _server.ConnectAsync("pump-7", certificate);
        await again.ExpectNothingAsync();
    }

    [Fact]
    public async Task Revoking_a_key_closes_its_session_and_leaves_others_alone()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        using var bystander = await _server.EnrolAsync("pump-8");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        await using var other = await _server.ConnectAsync("pump-8", bystander);
        var key = (await _server.Client.GetCertificateAsync(certificate.SerialNumber)).KeyFingerprint!;

        var result = await _server.Client.RevokeKeyAsync(key, "found in a shop");

        Assert.Equal(1, result.CertificatesRevoked);
        await device.ExpectAsync<DisconnectPacket>();
        await other.ExpectNothingAsync();
    }

    [Fact]
    public async Task Revoking_an_authority_closes_every_session_of_its_certificates()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        var authority = (await _server.Client.GetCertificateAsync(certificate.SerialNumber)).IssuerId;
        _server.ExpectedEvents = ["AuthorityRevoked"];
        var counted = await _server.Client.RevokeAuthorityAsync(authority, new() { DryRun = true });

        await _server.Client.RevokeAuthorityAsync(authority, new() { Confirm = counted.Count });

        Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);
    }

    [Fact]
    public async Task Many_are_revoked_only_with_their_right_number()
    {
        foreach (var id in new[] { "pump-1", "pump-2" }) (await _server.EnrolAsync(id)).Dispose();
        var request = new RevocationRequest { Action = "revoke", Ids = ["pump-1", "pump-2"], DryRun = true };
        Assert.Equal(("counted", 2), Of(await _server.Client.RevokeManyAsync(request)));

        var wrong = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RevokeManyAsync(request with { DryRun = false, Confirm = 3 }));
        Assert.Equal(ProblemCodes.CountMismatch, wrong.Code);
        var unknown = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RevokeManyAsync(request with { Ids = ["pump-1", "pump-x"] }));
        Assert.Equal(ProblemCodes.InvalidRequest, unknown.Code);
        var done = await _server.Client.RevokeManyAsync(request with { DryRun = false, Confirm = 2 });

        Assert.Equal(("done", 2, 2), (done.State, done.Count, done.Certificates));
        Assert.Equal((1, 1), (done.Effective!.Nodes, done.Effective.Of));
        Assert.Equal(DeviceStates.Revoked, (await _server.Client.GetDeviceAsync("pump-2")).State);
    }

    /// <summary>Attack row 32: an operator's mistake must not shut out a whole group.</summary>
    [Fact]
    public async Task More_than_one_operator_may_decide_wait_suspended_for_a_second_one()
    {
        using var certificate = await _server.EnrolAsync("pump-1");
        foreach (var id in new[] { "pump-2", "pump-3" }) (await _server.EnrolAsync(id)).Dispose();
        await using var device = await _server.ConnectAsync("pump-1", certificate);
        var request = new RevocationRequest { Action = "revoke", Ids = ["pump-1", "pump-2", "pump-3"], Confirm = 3, SuspendFirst = true };

        var waiting = await _server.Client.RevokeManyAsync(request);

        Assert.Equal(("awaiting-second-operator", 3), Of(waiting));
        await device.ExpectAsync<DisconnectPacket>();
        Assert.Equal(DeviceStates.Suspended, (await _server.Client.GetDeviceAsync("pump-2")).State);
        var alone = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.ConfirmRevocationAsync(waiting.OrderId!, 3));
        Assert.Equal(ProblemCodes.SecondOperatorRequired, alone.Code);
        using var second = await SecondOperatorAsync();
        Assert.Equal(("done", 3), Of(await second.ConfirmRevocationAsync(waiting.OrderId!, 3)));
        Assert.Equal(DeviceStates.Revoked, (await _server.Client.GetDeviceAsync("pump-1")).State);
    }

    [Fact]
    public async Task Taking_it_back_lets_those_in_again_that_were_suspended_for_it()
    {
        foreach (var id in new[] { "pump-1", "pump-2", "pump-3" }) (await _server.EnrolAsync(id)).Dispose();
        await _server.Client.SuspendDeviceAsync("pump-3"); // For a reason of its own.
        var request = new RevocationRequest { Action = "revoke", Ids = ["pump-1", "pump-2", "pump-3"], Confirm = 3, SuspendFirst = true };
        var waiting = await _server.Client.RevokeManyAsync(request);
        Assert.Single(await _server.Client.GetWaitingRevocationsAsync());

        await _server.Client.CancelRevocationAsync(waiting.OrderId!);

        Assert.Equal(DeviceStates.Active, (await _server.Client.GetDeviceAsync("pump-1")).State);
        Assert.Equal(DeviceStates.Suspended, (await _server.Client.GetDeviceAsync("pump-3")).State);
        Assert.Empty(await _server.Client.GetWaitingRevocationsAsync());
        using var second = await SecondOperatorAsync();
        await Assert.ThrowsAsync<ApiProblemException>(() => second.ConfirmRevocationAsync(waiting.OrderId!, 3));
    }

    [Fact]
    public async Task Answer_names_the_node_that_has_not_put_it_into_force()
    {
        (await _server.EnrolAsync("pump-1")).Dispose();
        await WriteNodeAsync("node-2", sequence: 1_000_000);
        var all = (await _server.Client.SuspendDeviceAsync("pump-1")).Effective!;
        Assert.Equal((2, 2, 0), (all.Nodes, all.Of, all.Unacknowledged.Count));
        await WriteNodeAsync("node-3", sequence: 0);

        var some = (await _server.Client.ResumeDeviceAsync("pump-1")).Effective!;

        Assert.Equal((2, 3), (some.Nodes, some.Of));
        Assert.Equal(["node-3"], some.Unacknowledged);
    }

    [Fact]
    public async Task A_node_says_how_far_it_has_come_and_takes_its_word_back_when_it_stops()
    {
        await WriteNodeAsync("node-2", sequence: 1_000_000);
        (await _server.EnrolAsync("pump-1")).Dispose();
        await _server.Client.SuspendDeviceAsync("pump-1");
        var applied = _server.Get<RevocationWatch>().Applied;

        await Eventually.TrueAsync(async () => await OwnSequenceAsync() == applied);
        await _server.RestartAsync();

        await Eventually.TrueAsync(async () => await OwnSequenceAsync() == applied);
    }

    private async Task<long?> OwnSequenceAsync()
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        return await db.Nodes.Where(node => node.Node != "node-2").Select(node => (long?)node.Sequence).SingleOrDefaultAsync();
    }

    private async Task WriteNodeAsync(string name, long sequence)
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        var now = TimeProvider.System.GetUtcNow();
        db.Nodes.Add(new NodeStatus { Node = name, Sequence = sequence, SeenAt = now, StartedAt = now });
        await db.SaveChangesAsync();
    }

    private async Task<FleetClient> SecondOperatorAsync()
    {
        var secret = (await _server.Client.CreateOperatorAsync(new() { Name = "bob", Role = "administrator" })).ApiKey;
        return new FleetClient(new Uri($"https://localhost:{_server.HttpsPort}"), secret, ServerTrust.FromRootFile(_server.RootFile));
    }

    private static (string State, int Count) Of(RevocationReport report) => (report.State, report.Count);
}
