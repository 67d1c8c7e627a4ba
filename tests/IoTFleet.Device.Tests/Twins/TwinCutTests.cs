using System.Text.Json;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Device.Twins;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Twins;

public sealed class TwinCutTests
{
    /// <summary>CONNECT to the last PUBACK are some thirty packets: a cut behind each, and some after all has been said.</summary>
    public static TheoryData<int> Boundaries => new(Enumerable.Range(1, 34));

    [Theory]
    [MemberData(nameof(Boundaries))]
    public async Task Cut_behind_any_packet_versions_only_rise_and_both_documents_end_the_same_on_both_sides(int packets)
    {
        await using var broker = new ScriptedBroker();
        await using var server = new TwinServer(broker).Start();
        await using var proxy = new CuttingProxy(broker, packets);
        await RunAsync(server, proxy, packets);
    }

    [Fact]
    public async Task Cut_at_any_of_100_random_bytes_the_same_holds()
    {
        var random = new Random(20261122);
        for (var round = 0; round < 100; round++)
        {
            await using var broker = new ScriptedBroker();
            await using var server = new TwinServer(broker).Start();
            await using var proxy = new CuttingProxy(broker, bytes: random.Next(1, 1_600));
            await RunAsync(server, proxy, round);
        }
    }

    private static async Task RunAsync(TwinServer server, CuttingProxy proxy, int run)
    {
        var device = DeviceClient.StartOver(proxy.DialAsync, Devices.Quick() with { Twin = new TwinOptions() });
        var applied = new List<DesiredChange>();
        using var enough = new CancellationTokenSource();
        var applying = ApplyAsync(device, applied, enough.Token);
        var reports = new List<Task>();
        for (var n = 1; n <= 5; n++)
        {
            await server.WantAsync($$"""{"n":{{n}},"only{{n}}":{"x":{{n}}},"only{{n - 1}}":null}""");
            reports.Add(device.Twin.ReportAsync(Devices.Json($$"""{"n":{{n}},"seen{{n}}":true}""")));
            await Task.Yield();
        }

        await Task.WhenAll(reports).WaitAsync(Devices.Patience);
        await Eventually.TrueAsync(() => Task.FromResult(server.Applied == 5), Devices.Patience);
        await enough.CancelAsync();
        await applying;
        await device.DisposeAsync();

        Assert.Equal(applied.Select(change => change.Version).Distinct().Order(), applied.Select(change => change.Version));
        var folded = applied.Aggregate("{}", (document, change) => MergePatch.Apply(document, change.Delta));
        AssertSame(server.Desired, folded, run);
        AssertSame(server.Desired, applied[^1].Full.GetRawText(), run);
        AssertSame("""{"n":5,"seen1":true,"seen2":true,"seen3":true,"seen4":true,"seen5":true,"$version":5}""", server.Reported, run);
    }

    private static async Task ApplyAsync(DeviceClient device, List<DesiredChange> applied, CancellationToken enough)
    {
        try
        {
            await foreach (var change in device.Twin.DesiredChangesAsync(enough))
                applied.Add(change);
        }
        catch (OperationCanceledException)
        {
            // All is applied.
        }
    }

    private static void AssertSame(string expected, string actual, int run) =>
        Assert.True(JsonElement.DeepEquals(MergePatch.Parse(expected), MergePatch.Parse(actual)), $"Run {run}: {actual} is not {expected}");
}
