using IoTFleet.Device.Telemetry;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

public sealed class OutboxTests
{
    private readonly OutboxRig _rig = new(new OutboxOptions { MaxMessages = 100 });

    private FakeClock Clock => _rig.Clock;

    private Outbox Outbox => _rig.Outbox;

    [Fact]
    public async Task Takes_up_to_the_window_and_one_more_for_each_that_is_settled()
    {
        await AddAsync(5);

        Assert.Equal([1, 2], TakeAll(window: 2));
        Assert.NotNull(Outbox.Settle(2));
        Assert.Equal([3], TakeAll(window: 2));
    }

    [Fact]
    public async Task Starting_over_takes_the_unsettled_first_and_in_order()
    {
        await AddAsync(4);
        TakeAll(window: 3);
        Outbox.Settle(2);

        Outbox.StartOver();

        Assert.Equal([1, 3, 4], TakeAll(window: 10));
    }

    [Fact]
    public async Task Smaller_window_of_a_new_connection_holds_for_what_is_sent_again()
    {
        await AddAsync(4);
        TakeAll(window: 4);

        Outbox.StartOver();

        Assert.Equal([1, 2], TakeAll(window: 2));
    }

    [Fact]
    public async Task Packet_id_of_a_former_connection_settles_nothing()
    {
        await AddAsync(1);
        TakeAll(window: 1);

        Outbox.StartOver();

        Assert.Null(Outbox.Settle(1));
    }

    [Fact]
    public async Task Packet_ids_wrap_around_to_1_and_skip_one_still_in_use()
    {
        await AddAsync(1);
        Assert.True(Outbox.TryTake(2, out var stuck));
        for (var n = 0; n < ushort.MaxValue; n++)
        {
            await AddAsync(1);
            Assert.True(Outbox.TryTake(2, out var next));
            Assert.NotEqual(0, next.PacketId);
            Assert.NotEqual(stuck.PacketId, next.PacketId);
            Assert.NotNull(Outbox.Settle(next.PacketId));
        }
    }

    [Fact]
    public async Task Longest_wait_is_that_of_the_oldest_message_on_its_way()
    {
        await AddAsync(2);
        Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, Outbox.LongestWait());

        TakeAll(window: 2);
        Clock.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(TimeSpan.FromSeconds(3), Outbox.LongestWait());
    }

    [Fact]
    public async Task Numbers_start_at_theClocks_microseconds()
    {
        await AddAsync(1);
        Outbox.TryTake(1, out var message);
        message!.Complete(ReasonCode.Success);

        Assert.Equal(Clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000 + 1, (await message.Settled).Sequence);
    }

    private async Task AddAsync(int count)
    {
        for (var n = 0; n < count; n++)
            await _rig.AddAsync("x");
    }

    // What is taken, as places in the order of adding.
    private List<long> TakeAll(int window) => [.. _rig.TakeMessages(window).Select(message => Number(message) - Clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000)];

    private static long Number(OutboxMessage message) =>
        long.Parse(message.ToPacket(ProtocolVersion.V5, default).Properties.UserProperties.Single(p => p.Name == "seq").Value);
}
