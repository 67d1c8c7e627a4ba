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
}
