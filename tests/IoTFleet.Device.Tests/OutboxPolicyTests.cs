using IoTFleet.Device.Tests.Support;

namespace IoTFleet.Device.Tests;

/// <summary>What is sent first, and what gives way when there is no room.</summary>
public sealed class OutboxPolicyTests
{
    private static readonly StreamPolicy Alarm = new() { Priority = 9 };
    private static readonly StreamPolicy Trend = new() { WhenFull = WhenFull.DropOldest };

    [Fact]
    public async Task Higher_priority_goes_first_and_each_stream_keeps_its_order()
    {
        await using var rig = new OutboxRig(new OutboxOptions { Streams = Of(("alarm", Alarm)) });
        await rig.AddAsync("trend 1", "trend");
        await rig.AddAsync("other 1");
        await rig.AddAsync("alarm 1", "alarm");
        await rig.AddAsync("trend 2", "trend");
        await rig.AddAsync("alarm 2", "alarm");

        Assert.Equal(["alarm 1", "alarm 2", "trend 1", "other 1", "trend 2"], rig.Take());
    }

    [Fact]
    public async Task What_is_on_its_way_goes_before_a_higher_priority_on_the_next_connection()
    {
        await using var rig = new OutboxRig(new OutboxOptions { Streams = Of(("alarm", Alarm)) });
        await rig.AddAsync("trend 1", "trend");
        rig.Take();
        await rig.AddAsync("alarm 1", "alarm");

        rig.Outbox.StartOver();

        Assert.Equal(["trend 1", "alarm 1"], rig.Take());
    }

    [Fact]
    public async Task The_oldest_of_a_stream_gives_way_and_its_publisher_hears_of_it()
    {
        await using var rig = new OutboxRig(new OutboxOptions { Streams = Of(("trend", Trend with { MaxMessages = 2 })) });
        var first = await rig.AddAsync("1", "trend");
        await rig.AddAsync("2", "trend");
        await rig.AddAsync("3", "trend");

        Assert.Equal(DeviceError.Dropped, (await Assert.ThrowsAsync<DeviceException>(() => first.Settled)).Error);
        Assert.Equal(["2", "3"], rig.Take());
        Assert.Equal((2, 1), (rig.Outbox.Status.Messages, rig.Outbox.Status.GaveWay));
    }

    [Fact]
    public async Task What_is_on_its_way_does_not_give_way()
    {
        await using var rig = new OutboxRig(new OutboxOptions { Streams = Of(("trend", Trend with { MaxMessages = 2 })) });
        var first = await rig.AddAsync("1", "trend");
        var second = await rig.AddAsync("2", "trend");
        rig.Take();

        var error = await Assert.ThrowsAsync<DeviceException>(() => rig.AddAsync("3", "trend"));

        Assert.Equal(DeviceError.Dropped, error.Error);
        Assert.False(first.Settled.IsCompleted || second.Settled.IsCompleted);
    }

    [Fact]
    public async Task The_newest_gives_way_where_the_stream_says_so()
    {
        await using var rig = new OutboxRig(new OutboxOptions { MaxMessages = 2, Default = new StreamPolicy { WhenFull = WhenFull.DropNewest } });
        await rig.AddAllAsync("1", "2");

        Assert.Equal(DeviceError.Dropped, (await Assert.ThrowsAsync<DeviceException>(() => rig.AddAsync("3"))).Error);
        Assert.Equal(["1", "2"], rig.Take());
    }

    [Fact]
    public async Task A_full_outbox_makes_room_for_an_alarm_out_of_what_may_be_dropped()
    {
        await using var rig = new OutboxRig(new OutboxOptions { MaxMessages = 3, Streams = Of(("alarm", Alarm), ("trend", Trend), ("bill", new StreamPolicy())) });
        await rig.AddAsync("bill 1", "bill");
        await rig.AddAsync("trend 1", "trend");
        await rig.AddAsync("trend 2", "trend");

        await rig.AddAsync("alarm 1", "alarm");
        await rig.AddAsync("alarm 2", "alarm");
        var waiting = rig.AddAsync("alarm 3", "alarm");

        Assert.False(waiting.IsCompleted);                     // a bill is never dropped
        Assert.Equal(["alarm 1", "alarm 2", "alarm 3", "bill 1"], await rig.DeliverAsync(4));
        await waiting;
    }

    [Fact]
    public async Task What_waited_too_long_is_not_sent()
    {
        await using var rig = new OutboxRig(new OutboxOptions { Streams = Of(("trend", new StreamPolicy { MaxAge = TimeSpan.FromHours(1) })) });
        var old = await rig.AddAsync("old", "trend");
        rig.Clock.Advance(TimeSpan.FromMinutes(30));
        await rig.AddAsync("new", "trend");
        rig.Clock.Advance(TimeSpan.FromMinutes(31));

        Assert.Equal(["new"], rig.Take());
        Assert.Equal(DeviceError.Dropped, (await Assert.ThrowsAsync<DeviceException>(() => old.Settled)).Error);
        Assert.Equal(1, rig.Outbox.Status.TooOld);
    }

    [Fact]
    public async Task Bytes_are_counted_and_a_message_larger_than_all_of_it_is_refused_at_once()
    {
        await using var rig = new OutboxRig(new OutboxOptions { MaxBytes = 1024 });
        await rig.AddAsync(new string('a', 500));
        var waiting = rig.AddAsync(new string('b', 500));

        Assert.Equal((1, 564), (rig.Outbox.Status.Messages, rig.Outbox.Status.Bytes));
        Assert.False(waiting.IsCompleted);
        Assert.Equal(DeviceError.Dropped, (await Assert.ThrowsAsync<DeviceException>(() => rig.AddAsync(new string('c', 1000)))).Error);
        await rig.DeliverAsync(1);
        await waiting;
    }

    [Fact]
    public async Task Who_waits_for_room_gets_it_in_order_and_does_not_hold_up_other_streams()
    {
        await using var rig = new OutboxRig(new OutboxOptions { Streams = Of(("trend", new StreamPolicy { MaxMessages = 1 })) });
        await rig.AddAsync("1", "trend");
        var (second, third) = (rig.AddAsync("2", "trend"), rig.AddAsync("3", "trend"));
        await rig.AddAsync("other", "bill");

        Assert.Equal(["1", "other", "2", "3"], await rig.DeliverAsync(4));
        await Task.WhenAll(second, third);
    }

    [Fact]
    public async Task What_an_outage_has_left_is_sent_at_the_pace_and_newer_messages_pass_it_by()
    {
        await using var rig = new OutboxRig(new OutboxOptions { ReplayRate = 10 });
        for (var n = 1; n <= 25; n++)
            await rig.AddAsync($"{n}", "trend");
        rig.Outbox.StartOver();
        await rig.AddAsync("fresh", "bill");

        Assert.Equal([.. Numbers(1, 10), "fresh"], rig.Take());
        rig.Clock.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(Numbers(11, 5), rig.Take());
        rig.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(Numbers(16, 10), rig.Take());
    }

    [Fact]
    public async Task What_is_held_back_is_asked_for_again_by_itself()
    {
        await using var rig = new OutboxRig(new OutboxOptions { ReplayRate = 1 });
        await rig.AddAllAsync("1", "2");
        rig.Outbox.StartOver();
        Assert.Equal(["1"], rig.Take());
        await rig.Doorbell.WaitAsync(default);                 // of the two that were added

        var rung = rig.Doorbell.WaitAsync(default);
        Assert.False(rung.IsCompleted);
        rig.Clock.Advance(TimeSpan.FromSeconds(1.1));

        await rung.AsTask().WaitAsync(Devices.Patience);
        Assert.Equal(["2"], rig.Take());
    }

    [Fact]
    public async Task Streams_that_are_made_up_without_end_are_forgotten()
    {
        await using var rig = new OutboxRig(new OutboxOptions());
        for (var n = 0; n < 1000; n++)
        {
            await rig.AddAsync("x", $"stream-{n}");
            await rig.DeliverAsync(1);
        }

        Assert.InRange(rig.Outbox.StreamCount, 1, 64);
    }

    private static IEnumerable<string> Numbers(int first, int count) => Enumerable.Range(first, count).Select(n => $"{n}");

    private static Dictionary<string, StreamPolicy> Of(params (string Stream, StreamPolicy Policy)[] policies) => policies.ToDictionary(one => one.Stream, one => one.Policy);
}
