using IoTFleet.Device.Tests.Support;

namespace IoTFleet.Device.Tests;

public sealed class CutTests
{
    // CONNECT CONNACK SUBSCRIBE SUBACK, five PUBLISH and their PUBACKs: a cut behind each of the fourteen.
    public static TheoryData<int> Boundaries => new(Enumerable.Range(1, 14));

    [Theory]
    [MemberData(nameof(Boundaries))]
    public async Task Cut_behind_any_packet_loses_nothing_and_keeps_the_order(int packets)
    {
        await using var broker = new ScriptedBroker();
        await using var proxy = new CuttingProxy(broker, packets);
        var device = DeviceClient.StartOver(proxy.DialAsync, Devices.Quick());
        var first = (await broker.AcceptAsync()).ObligeAsync();
        var publishing = Enumerable.Range(1, 5).Select(n => device.PublishAsync(null, Devices.Json($"{n}"))).ToArray();

        var beforeTheCut = packets < 14 ? await first.WaitAsync(Devices.Patience) : [];
        var second = packets < 14 ? (await broker.AcceptAsync()).ObligeAsync() : first;
        await Task.WhenAll(publishing).WaitAsync(Devices.Patience);
        await device.DisposeAsync();
        var afterTheCut = await second.WaitAsync(Devices.Patience);

        Assert.Equal(["1", "2", "3", "4", "5"], beforeTheCut.Concat(afterTheCut).Distinct());
        Assert.Equal(beforeTheCut.Order(), beforeTheCut);
        Assert.Equal(afterTheCut.Order(), afterTheCut);
    }

    [Fact]
    public async Task Cut_at_any_of_200_random_bytes_loses_nothing_and_keeps_the_order()
    {
        var random = new Random(20261122);
        for (var round = 0; round < 200; round++)
        {
            var at = random.Next(1, 900);                      // CONNECT to the last PUBACK take 840 bytes or so: some are cut after all has been said
            await using var broker = new ScriptedBroker();
            await using var proxy = new CuttingProxy(broker, bytes: at);
            var device = DeviceClient.StartOver(proxy.DialAsync, Devices.Quick());
            using var enough = new CancellationTokenSource();
            var taking = TakeAllAsync(broker, enough.Token);
            var publishing = Enumerable.Range(1, 5).Select(n => device.PublishAsync(null, Devices.Json($"{n}"))).ToArray();
            await Task.WhenAll(publishing).WaitAsync(Devices.Patience);
            await device.DisposeAsync();
            await enough.CancelAsync();

            var taken = await taking.WaitAsync(Devices.Patience);
            Assert.True(taken.SelectMany(one => one).Distinct().SequenceEqual(["1", "2", "3", "4", "5"]), $"Cut at byte {at}: {string.Join(" | ", taken.Select(one => string.Join(' ', one)))}");
            Assert.All(taken, one => Assert.Equal(one.Order(), one));
        }
    }

    // What came over each connection.
    private static async Task<List<List<string>>> TakeAllAsync(ScriptedBroker broker, CancellationToken enough)
    {
        var taken = new List<List<string>>();
        try
        {
            while (true)
                taken.Add(await (await broker.AcceptAsync(cancellation: enough)).ObligeAsync());
        }
        catch (OperationCanceledException)
        {
            return taken;
        }
    }
}
