using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests;

/// <summary>Whom a revocation shuts out without naming them: ten thousand at once, those of a removed authority, and those who are away.</summary>
public sealed class ShutOutTests : IAsyncLifetime
{
    private const int Many = 10_000;

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(("IoTFleet:SecondOperatorAbove", "-1"));

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Ten_thousand_devices_are_revoked_by_their_tag_with_their_right_number_and_nobody_else()
    {
        await RegisterManyAsync();
        using var bystander = await _server.EnrolAsync("pump-7");
        var request = new RevocationRequest { Action = "revoke", Tag = "site=old", DryRun = true };
        var counted = await _server.Client.RevokeManyAsync(request);
        Assert.Equal(("counted", Many), (counted.State, counted.Count));
        Assert.Equal(0, await RevokedAsync());      // a dry run

        var done = await _server.Client.RevokeManyAsync(request with { DryRun = false, Confirm = Many });

        Assert.Equal(("done", Many), (done.State, done.Count));
        Assert.Equal((1, 1, 0), (done.Effective!.Nodes, done.Effective.Of, done.Effective.Unacknowledged.Count));
        Assert.Equal(Many, await RevokedAsync());
        var set = _server.Get<RevokedSet>();
        Assert.All(Enumerable.Range(0, Many), i => Assert.Equal(Block.Device, set.FindBlock(new CertificateFacts($"old-{i}", "", "", ""))));
        await using var welcome = await _server.ConnectAsync("pump-7", bystander);
    }

    [Fact]
    public async Task Removing_an_authority_closes_the_sessions_of_its_devices_and_of_no_others()
    {
        using var old = await _server.EnrolAsync("pump-old");
        var first = (await _server.Client.GetCertificateAsync(old.SerialNumber)).IssuerId;
        var next = await _server.Client.PrepareAuthorityAsync("devices");
        await _server.Client.RotateAuthorityAsync(next.Id, "publish");
        await _server.Client.RotateAuthorityAsync(next.Id, "activate", force: true);
        using var young = await _server.EnrolAsync("pump-new");
        await using var going = await _server.ConnectAsync("pump-old", old);
        await using var staying = await _server.ConnectAsync("pump-new", young);

        await _server.Client.RotateAuthorityAsync(first, "remove", force: true);

        Assert.Equal(ReasonCode.AdministrativeAction, (await going.ExpectAsync<DisconnectPacket>()).Reason);
        await staying.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_revoked_key_ends_the_stored_session_of_its_device_that_is_away_and_of_no_other()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        using var bystander = await _server.EnrolAsync("pump-8");
        await GoAwayAsync("pump-7", certificate);
        await GoAwayAsync("pump-8", bystander);

        await _server.Client.RevokeKeyAsync((await _server.Client.GetCertificateAsync(certificate.SerialNumber)).KeyFingerprint!, "found in a shop");

        await Eventually.TrueAsync(() => Task.FromResult(_server.Get<MqttBroker>().Absent() is ["pump-8"]));
    }

    [Fact]
    public async Task A_revoked_authority_ends_the_stored_sessions_of_its_devices_that_are_away()
    {
        _server.ExpectedEvents = ["AuthorityRevoked"];
        using var certificate = await _server.EnrolAsync("pump-7");
        await GoAwayAsync("pump-7", certificate);
        var authority = (await _server.Client.GetCertificateAsync(certificate.SerialNumber)).IssuerId;
        var counted = await _server.Client.RevokeAuthorityAsync(authority, new() { DryRun = true });

        await _server.Client.RevokeAuthorityAsync(authority, new() { Confirm = counted.Count });

        await Eventually.TrueAsync(() => Task.FromResult(_server.Get<MqttBroker>().Absent().Count == 0));
    }

    private async Task GoAwayAsync(string id, X509Certificate2 certificate)
    {
        await using (var device = await _server.OpenAsync(certificate))
        {
            Assert.Equal(ReasonCode.Success, (await device.ConnectAsync(id, properties: new PropertyBlock { SessionExpiryInterval = 3600 })).Reason);
            await device.SendAsync(new DisconnectPacket());
        }
        await Eventually.TrueAsync(() => Task.FromResult(_server.Get<MqttBroker>().Absent().Contains(id)));
    }

    private async Task RegisterManyAsync()
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        var now = TimeProvider.System.GetUtcNow();
        db.Devices.AddRange(Enumerable.Range(0, Many).Select(i => new Fleet.Devices.Device { Id = $"old-{i}", State = DeviceState.Active, RegisteredAt = now, StateChangedAt = now, Tags = ["site=old"] }));
        await db.SaveChangesAsync();
    }

    private async Task<int> RevokedAsync()
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        return await db.Devices.CountAsync(device => device.State == DeviceState.Revoked);
    }
}
