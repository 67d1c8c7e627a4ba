using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Server.Tests;

public sealed class RevocationTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Revoking_a_device_closes_its_live_session_before_the_operator_is_answered()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);

        var result = await _server.Client.RevokeDeviceAsync("pump-7");

        Assert.Equal((1, 1), (result.CertificatesRevoked, result.SessionsClosed));
        Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        await device.ExpectClosedAsync();
        Assert.False((await _server.Client.GetDeviceAsync("pump-7")).Connected);
    }

    [Fact]
    public async Task Suspending_a_device_closes_its_live_session_and_leaves_others_alone()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        using var bystander = await _server.EnrolAsync("pump-8");
        await using var device = await _server.ConnectAsync("pump-7", certificate, ProtocolVersion.V311);
        await using var other = await _server.ConnectAsync("pump-8", bystander);

        await _server.Client.SuspendDeviceAsync("pump-7");

        await device.ExpectClosedAsync();       // 3.1.1 has no word for it
        await other.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_revocation_by_the_use_case_alone_reaches_the_live_session()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);

        // As another door, or another part of the server, would: nobody tells the broker but the feed.
        await _server.Get<RevokeDevice>().RunAsync(Actor.System, new Fleet.Certificates.RevokeDeviceRequest("pump-7"), CancellationToken.None);

        Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);
    }

    [Fact]
    public async Task Enrolling_anew_closes_the_session_of_the_superseded_certificate()
    {
        using var first = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", first);

        using var second = await _server.EnrolAsync("pump-7");

        Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        await using var again = await _server.ConnectAsync("pump-7", second);
        await again.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_revoked_device_stays_out_after_a_restart()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await _server.Client.RevokeDeviceAsync("pump-7");
        await _server.RestartAsync();

        await using var device = await _server.OpenAsync(certificate);
        Assert.Equal(ReasonCode.Banned, (await device.ConnectAsync("pump-7")).Reason);
    }
}
