using System.Collections.Concurrent;
using IoTFleet.Device.Link;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

public sealed class ConnectionTests
{
    private readonly FakeClock _clock = new();
    private readonly ConcurrentQueue<DeviceState> _states = new();

    [Fact]
    public async Task Silent_device_pings_within_its_keep_alive()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed());
        var link = await broker.AcceptDeviceAsync();

        var ping = link.ExpectAsync<PingReqPacket>();
        await PassTimeUntilAsync(ping);
    }

    [Fact]
    public async Task Server_that_answers_no_ping_is_left_for_a_new_connection()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed());
        var halfOpen = await broker.AcceptDeviceAsync();

        var back = broker.AcceptDeviceAsync();
        await PassTimeUntilAsync(back);

        await halfOpen.ExpectAsync<PingReqPacket>();
        Assert.Contains(_states, state => state is DeviceState.Waiting { Reason: var why } && why.Contains("has not answered"));
    }

    [Fact]
    public async Task Answered_pings_keep_the_connection_and_come_once_per_keep_alive_however_patient_the_device()
    {
        var start = _clock.GetUtcNow();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed() with { AckTimeout = TimeSpan.FromHours(1) });
        var link = await broker.AcceptDeviceAsync();

        for (var n = 0; n < 5; n++)
        {
            var ping = link.ExpectAsync<PingReqPacket>();
            await PassTimeUntilAsync(ping);
            await link.SendAsync(PingRespPacket.Instance);
            var publishing = device.PublishAsync(null, Devices.Json("{}"));
            await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());
            await publishing.WaitAsync(Devices.Patience);      // so the answer before it was read
        }

        Assert.Equal(0, device.Reconnects);
        Assert.True(_clock.GetUtcNow() - start < TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task Message_that_is_never_acknowledged_is_sent_again_on_a_new_connection()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed());
        var mute = await broker.AcceptDeviceAsync();
        var publishing = device.PublishAsync(null, Devices.Json("{}"));
        var lost = await mute.ExpectAsync<PublishPacket>();

        var back = broker.AcceptDeviceAsync();
        await PassTimeUntilAsync(back);
        var again = await (await back).ExpectAsync<PublishPacket>();
        await (await back).AcknowledgeAsync(again);

        await publishing.WaitAsync(Devices.Patience);
        Assert.Equal(lost.Sequence(), again.Sequence());
    }

    [Fact]
    public async Task A_network_that_is_back_ends_the_wait_for_the_next_attempt()
    {
        await using var broker = new ScriptedBroker();
        var dials = 0;
        await using var device = DeviceClient.StartOver(
            async cancellation => Interlocked.Increment(ref dials) == 1 ? throw new IOException("No route to host.") : await broker.DialAsync(cancellation), Timed());
        await Eventually.TrueAsync(() => Task.FromResult(device.State is DeviceState.Waiting));

        device.TryNow();

        await broker.AcceptDeviceAsync();
    }

    [Theory]
    [InlineData(ReasonCode.NotAuthorized)]
    [InlineData(ReasonCode.ServerBusy)]
    public async Task A_wait_that_is_the_servers_wish_is_kept_whatever_the_network_does(ReasonCode reason)
    {
        await using var broker = new ScriptedBroker();
        var attempts = new ConcurrentQueue<DateTimeOffset>();
        await using var device = broker.StartDevice(Timed() with
        {
            BackoffMin = TimeSpan.FromSeconds(10),
            BackoffMax = TimeSpan.FromSeconds(10),
            StateChanged = state => { if (state is DeviceState.Connecting) attempts.Enqueue(_clock.GetUtcNow()); },
        });
        var first = await broker.AcceptAsync();
        await first.ExpectAsync<ConnectPacket>();
        await first.SendAsync(new ConnAckPacket { Reason = reason });
        await Eventually.TrueAsync(() => Task.FromResult(device.State is DeviceState.Refused or DeviceState.Waiting));
        var until = device.State is DeviceState.Refused refused ? refused.RetryAt : ((DeviceState.Waiting)device.State).RetryAt;

        device.TryNow();
        var back = broker.AcceptDeviceAsync();
        await PassTimeUntilAsync(back);

        Assert.True(attempts.Last() >= until.AddMilliseconds(-1), $"Tried at {attempts.Last()}, and not to before {until}.");
    }

    [Fact]
    public async Task A_connection_that_stands_is_asked_for_an_answer_when_the_network_changes()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed());
        var link = await broker.AcceptDeviceAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        device.TryNow();

        await link.ExpectAsync<PingReqPacket>();
    }

    [Fact]
    public async Task Servers_keep_alive_replaces_the_devices_own()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed() with { KeepAlive = TimeSpan.FromHours(1), AckTimeout = TimeSpan.FromHours(1) });
        var link = await broker.AcceptDeviceAsync(terms: new PropertyBlock { ServerKeepAlive = 5 });

        var start = _clock.GetUtcNow();
        await PassTimeUntilAsync(link.ExpectAsync<PingReqPacket>());

        Assert.True(_clock.GetUtcNow() - start < TimeSpan.FromMinutes(30));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1800)]
    public async Task A_server_that_wants_no_keep_alive_or_a_long_one_is_asked_for_a_sign_of_life_all_the_same(ushort seconds)
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed() with { KeepAlive = TimeSpan.FromSeconds(30) });
        var link = await broker.AcceptDeviceAsync(terms: new PropertyBlock { ServerKeepAlive = seconds });

        var start = _clock.GetUtcNow();
        await PassTimeUntilAsync(link.ExpectAsync<PingReqPacket>());

        Assert.True(_clock.GetUtcNow() - start < TimeSpan.FromMinutes(15));
    }

    [Theory]
    [InlineData(ReasonCode.UnspecifiedError, false)]
    [InlineData(ReasonCode.MalformedPacket, true)]
    [InlineData(ReasonCode.ProtocolError, true)]
    [InlineData(ReasonCode.ImplementationSpecificError, true)]
    [InlineData(ReasonCode.UnsupportedProtocolVersion, true)]
    [InlineData(ReasonCode.ClientIdentifierNotValid, true)]
    [InlineData(ReasonCode.BadUserNameOrPassword, true)]
    [InlineData(ReasonCode.NotAuthorized, true)]
    [InlineData(ReasonCode.ServerUnavailable, false)]
    [InlineData(ReasonCode.ServerBusy, false)]
    [InlineData(ReasonCode.Banned, true)]
    [InlineData(ReasonCode.BadAuthenticationMethod, true)]
    [InlineData(ReasonCode.QuotaExceeded, false)]
    [InlineData(ReasonCode.UseAnotherServer, false)]
    [InlineData(ReasonCode.ServerMoved, false)]
    [InlineData(ReasonCode.ConnectionRateExceeded, false)]
    public async Task Each_no_at_CONNECT_is_about_the_device_or_about_the_server_and_the_device_comes_back(ReasonCode reason, bool refused)
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Watched());
        var turnedAway = await broker.AcceptAsync();
        await turnedAway.ExpectAsync<ConnectPacket>();
        await turnedAway.SendAsync(new ConnAckPacket { Reason = reason });

        await broker.AcceptDeviceAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        var left = _states.Single(state => state is DeviceState.Refused or DeviceState.Waiting);
        Assert.Equal(refused, left is DeviceState.Refused { Code: var code } && code == reason);
        Assert.Contains($"0x{(byte)reason:X2} {reason}", $"{left}");
    }

    [Fact]
    public async Task A_network_that_is_back_while_an_attempt_still_fails_makes_the_next_one_follow_at_once()
    {
        await using var broker = new ScriptedBroker();
        var (dialling, fails) = (new TaskCompletionSource(), new TaskCompletionSource<Stream>());
        await using var device = DeviceClient.StartOver(
            cancellation =>
            {
                if (!dialling.TrySetResult())
                    return broker.DialAsync(cancellation);
                return fails.Task;
            },
            Timed() with { BackoffMin = TimeSpan.FromMinutes(1), BackoffMax = TimeSpan.FromMinutes(2) });
        await dialling.Task.WaitAsync(Devices.Patience);

        device.TryNow();
        fails.SetException(new IOException("Network is unreachable."));

        await broker.AcceptDeviceAsync();
    }

    [Fact]
    public void Changes_of_the_network_within_seconds_are_told_once_at_their_beginning_and_once_at_their_end()
    {
        var told = 0;
        using var network = new NetworkWatch(_clock, () => told++);
        network.OnChanged(null, EventArgs.Empty);
        Assert.Equal(1, told);
        for (var n = 0; n < 3; n++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            network.OnChanged(null, EventArgs.Empty);
        }

        Assert.Equal(1, told);
        _clock.Advance(TimeSpan.FromSeconds(2.1));
        Assert.Equal(2, told);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(2, told);
        network.OnChanged(null, EventArgs.Empty);
        Assert.Equal(3, told);
    }

    [Fact]
    public async Task Constrained_device_at_rest_is_woken_for_its_next_ping_only()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Timed() with { Constrained = true, KeepAlive = TimeSpan.FromMinutes(20) });
        var link = await broker.AcceptDeviceAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);
        await Eventually.TrueAsync(() => Task.FromResult(_clock.NextDueAt == _clock.GetUtcNow() + TimeSpan.FromMinutes(20)));

        _clock.Advance(TimeSpan.FromMinutes(1));
        var publishing = device.PublishAsync(null, Devices.Json("{}"));
        var publish = await link.ExpectAsync<PublishPacket>();
        var published = _clock.GetUtcNow();
        await Eventually.TrueAsync(() => Task.FromResult(_clock.NextDueAt == published + Timed().AckTimeout));     // might get lost: somebody has to look
        await link.AcknowledgeAsync(publish);
        await publishing.WaitAsync(Devices.Patience);
        _clock.Advance(TimeSpan.FromMinutes(1));

        await Eventually.TrueAsync(() => Task.FromResult(_clock.NextDueAt == published + TimeSpan.FromMinutes(20)));
    }

    [Fact]
    public async Task Constrained_device_tells_the_server_how_little_it_takes()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { Constrained = true });
        await using var link = await broker.AcceptAsync();

        var connect = await link.WelcomeAsync();

        Assert.Equal<(int?, int?, int?)>((8, 16 * 1024, 1200), ((int?)connect.Properties.ReceiveMaximum, (int?)connect.Properties.MaximumPacketSize, (int?)connect.KeepAlive));
    }

    [Fact]
    public async Task Refused_device_says_why_and_keeps_trying()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Watched());
        var refused = await broker.AcceptAsync();
        await refused.ExpectAsync<ConnectPacket>();
        var why = new PropertyBlock { ReasonString = "suspended" };
        await refused.SendAsync(new ConnAckPacket { Reason = ReasonCode.NotAuthorized, Properties = why });

        await broker.AcceptDeviceAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        var state = Assert.Single(_states.OfType<DeviceState.Refused>());
        Assert.Equal(ReasonCode.NotAuthorized, state.Code);
        Assert.Contains("suspended", state.Reason);
    }

    [Fact]
    public async Task Connection_closed_before_CONNACK_counts_as_possibly_refused()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Watched());
        var closed = await broker.AcceptAsync();
        await closed.DisposeAsync();

        await broker.AcceptDeviceAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        var state = Assert.Single(_states.OfType<DeviceState.Refused>());
        Assert.Null(state.Code);
        Assert.Contains("possibly refused", state.Reason);
    }

    [Theory]
    [InlineData(ReasonCode.SessionTakenOver, true)]
    [InlineData(ReasonCode.AdministrativeAction, true)]
    [InlineData(ReasonCode.ServerShuttingDown, false)]
    public async Task Disconnected_device_says_why_and_comes_back(ReasonCode reason, bool refused)
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Watched());
        var link = await broker.AcceptDeviceAsync();
        await link.SendAsync(new DisconnectPacket { Reason = reason });

        await broker.AcceptDeviceAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        var left = _states.Single(state => state is DeviceState.Refused or DeviceState.Waiting);
        Assert.Equal(refused, left is DeviceState.Refused { Code: var code } && code == reason);
    }

    [Fact]
    public async Task Server_that_breaks_the_protocol_is_told_and_left()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Watched());
        var link = await broker.AcceptDeviceAsync();

        await link.SendAsync(new SubAckPacket { PacketId = 99, Reasons = [ReasonCode.GrantedQos1] });

        Assert.Equal(ReasonCode.ProtocolError, (await link.ExpectAsync<DisconnectPacket>()).Reason);
        await link.ExpectClosedAsync();
        await broker.AcceptDeviceAsync();
    }

    [Fact]
    public async Task States_lead_from_connecting_to_connected_to_stopped()
    {
        await using var broker = new ScriptedBroker();
        await using (var device = broker.StartDevice(Watched()))
        {
            await broker.AcceptDeviceAsync();
            await device.WaitConnectedAsync().WaitAsync(Devices.Patience);
        }

        Assert.Equal(["Connecting", "Connected", "Stopped"], _states.Select(state => state.GetType().Name));
    }

    private DeviceOptions Watched() => Devices.Quick() with { StateChanged = _states.Enqueue };

    // A step of the clock may pass while a connection is being made, so that has time enough.
    private DeviceOptions Timed() => Watched() with { Clock = _clock, ConnectTimeout = TimeSpan.FromHours(1) };

    // The device sets its timers from its own loops, so time passes in small steps until the thing has happened.
    private async Task PassTimeUntilAsync(Task happened)
    {
        while (!happened.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(happened, Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System));
        }

        await happened;
    }
}
