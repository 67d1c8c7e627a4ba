using IoTFleet.Device.Telemetry;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

public sealed class OutboxTests
{
    private static readonly TopicName Topic = TopicName.Parse("devices/pump-7/telemetry");

    private readonly FakeClock _clock = new();
    private readonly Outbox _outbox;

    public OutboxTests() => _outbox = new Outbox(100, _clock);

    [Fact]
    public async Task Takes_up_to_the_window_and_one_more_for_each_that_is_settled()
    {
        await AddAsync(5);

        Assert.Equal([1, 2], TakeAll(window: 2));
        Assert.NotNull(_outbox.Settle(2));
        Assert.Equal([3], TakeAll(window: 2));
    }

    [Fact]
    public async Task Starting_over_takes_the_unsettled_first_and_in_order()
    {
        await AddAsync(4);
        TakeAll(window: 3);
        _outbox.Settle(2);

        _outbox.StartOver();

        Assert.Equal([1, 3, 4], TakeAll(window: 10));
    }

    [Fact]
    public async Task Smaller_window_of_a_new_connection_holds_for_what_is_sent_again()
    {
        await AddAsync(4);
        TakeAll(window: 4);

        _outbox.StartOver();

        Assert.Equal([1, 2], TakeAll(window: 2));
    }

    [Fact]
    public async Task Packet_id_of_a_former_connection_settles_nothing()
    {
        await AddAsync(1);
        TakeAll(window: 1);

        _outbox.StartOver();

        Assert.Null(_outbox.Settle(1));
    }

    [Fact]
    public async Task Packet_ids_wrap_around_to_1_and_skip_one_still_in_use()
    {
        await AddAsync(1);
        Assert.True(_outbox.TryTake(2, out var stuck));
        for (var n = 0; n < ushort.MaxValue; n++)
        {
            await AddAsync(1);
            Assert.True(_outbox.TryTake(2, out var next));
            Assert.NotEqual(0, next.PacketId);
            Assert.NotEqual(stuck.PacketId, next.PacketId);
            Assert.NotNull(_outbox.Settle(next.PacketId));
        }
    }

    [Fact]
    public async Task Longest_wait_is_that_of_the_oldest_message_on_its_way()
    {
        await AddAsync(2);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, _outbox.LongestWait());

        TakeAll(window: 2);
        _clock.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(TimeSpan.FromSeconds(3), _outbox.LongestWait());
    }

    [Fact]
    public async Task Numbers_start_at_the_clocks_microseconds()
    {
        await AddAsync(1);
        _outbox.TryTake(1, out var message);
        message!.Complete(ReasonCode.Success);

        Assert.Equal(_clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000 + 1, (await message.Settled).Sequence);
    }

    private async Task AddAsync(int count)
    {
        for (var n = 0; n < count; n++)
            await _outbox.AddAsync(Topic, new byte[1], default);
    }

    // What is taken, as places in the order of adding.
    private List<long> TakeAll(int window)
    {
        var taken = new List<long>();
        while (_outbox.TryTake(window, out var message))
            taken.Add(Number(message) - _clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000);
        return taken;
    }

    private static long Number(OutboxMessage message) =>
        long.Parse(message.ToPacket(ProtocolVersion.V5).Properties.UserProperties.Single(p => p.Name == "seq").Value);
}
