using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Testing;
using static IoTFleet.Fleet.Tests.Telemetry.TelemetryBench;

namespace IoTFleet.Fleet.Tests.Telemetry;

/// <summary>Invariant: once, not twice.</summary>
public class RepetitionTests
{
    [Fact]
    public async Task A_message_with_a_number_is_stored_once_however_often_it_comes()
    {
        await using var bench = await StartAsync();
        var message = Message("pump-1", """{"t":1}""", sequence: 7);

        await bench.StoreAsync(message, message with { ReceivedAt = Noon.AddHours(1) });
        await bench.MergeAsync();
        await bench.StoreAsync(message);

        Assert.Single(await bench.BodiesAsync("pump-1"));
        Assert.Equal(2, bench.Get<FleetMetrics>().TelemetryRepeated);
    }

    [Fact]
    public async Task A_message_with_a_time_of_its_own_is_stored_once_without_a_number()
    {
        await using var bench = await StartAsync();

        await bench.StoreAsync(Message("a", """{"t":1}""", second: 5), Message("a", """{"t":1}""", second: 5));

        Assert.Single(await bench.BodiesAsync("a"));
    }

    [Fact]
    public async Task Two_of_one_batch_are_one()
    {
        await using var bench = await StartAsync();
        bench.Store.Hold();
        Task[] both = [await bench.AcceptAsync(Message("a", "{}", sequence: 1)), await bench.AcceptAsync(Message("a", "{}", sequence: 1))];

        bench.Store.Release();
        await Task.WhenAll(both).WaitAsync(TimeSpan.FromSeconds(120));

        Assert.Single(await bench.BodiesAsync("a"));
    }

    [Fact]
    public async Task Without_number_and_time_the_same_reading_twice_is_two()
    {
        await using var bench = await StartAsync();

        await bench.StoreAsync(Message("a", """{"t":1}"""), Message("a", """{"t":1}"""));

        Assert.Equal(2, (await bench.BodiesAsync("a")).Count);
    }

    [Theory]
    [InlineData("another device")]
    [InlineData("another stream")]
    [InlineData("another number")]
    [InlineData("another time")]
    [InlineData("another value")]
    public async Task What_differs_in_anything_is_another_message(string difference)
    {
        await using var bench = await StartAsync();
        var first = Message("a", """{"t":1}""", second: 1, sequence: 1);
        await bench.StoreAsync(first, difference switch
        {
            "another device" => first with { DeviceId = "b" },
            "another stream" => first with { Stream = "s" },
            "another number" => first with { Sequence = 2 },
            "another time" => Message("a", """{"t":1}""", second: 2, sequence: 1),
            _ => Message("a", """{"t":2}""", second: 1, sequence: 1), // also the device that begins to number anew after a restart
        });

        Assert.Equal(2, (await bench.BodiesAsync("a")).Count + (await bench.BodiesAsync("b")).Count);
    }

    [Fact]
    public async Task A_batch_in_one_message_is_one_message()
    {
        await using var bench = await StartAsync();
        var batch = Message("a", """{"t":1}""", sequence: 1) with { Readings = [new(Noon, true, "{}"u8.ToArray()), new(Noon, true, "{}"u8.ToArray())] };

        await bench.StoreAsync(batch, batch);

        Assert.Equal(2, (await bench.BodiesAsync("a")).Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_restart_a_message_that_comes_again_is_known(bool merged)
    {
        await using var database = await TestDatabase.ForThisTestAsync();
        await using (var before = await StartAsync(database: database))
        {
            await before.StoreAsync(Message("a", """{"t":1}""", sequence: 1), Message("a", """{"t":2}""", sequence: 2));
            if (merged) await before.MergeAsync();
            before.Kill();
            before.Log.AssertClean("TelemetryNotMerged");
        }

        await using var after = await StartAsync(database: database);
        await after.StoreAsync(Message("a", """{"t":2}""", sequence: 2), Message("a", """{"t":3}""", sequence: 3));
        await after.MergeAsync();

        Assert.Equal(["""{"t":1}""", """{"t":2}""", """{"t":3}"""], await after.BodiesAsync("a"));
        Assert.Equal(3, await after.RowsAsync());
    }

    [Fact]
    public async Task The_window_is_as_long_as_it_is_said_to_be()
    {
        await using var bench = await StartAsync(new TelemetryOptions { RepeatWindow = 3 });
        for (var i = 1; i <= 4; i++) await bench.StoreAsync(Message("a", $"{i}", sequence: i));

        await bench.StoreAsync(Message("a", "2", sequence: 2), Message("a", "1", sequence: 1));

        Assert.Equal(5, (await bench.BodiesAsync("a")).Count); // 1 is beyond the window; docs/telemetry.md says so
    }
}
