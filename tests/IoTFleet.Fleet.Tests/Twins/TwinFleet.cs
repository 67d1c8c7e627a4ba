using System.Text;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Twins;

namespace IoTFleet.Fleet.Tests.Twins;

/// <summary>A fleet with devices that are registered, and its use cases of twins in few words.</summary>
internal sealed class TwinFleet : IAsyncDisposable
{
    private TwinFleet(TestFleet fleet) => Fleet = fleet;

    internal TestFleet Fleet { get; }

    internal static async Task<TwinFleet> StartAsync(params string[] devices)
    {
        var fleet = new TwinFleet(await TestFleet.StartAsync());
        foreach (var device in devices) await fleet.Fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(device), default);
        return fleet;
    }

    internal Task<ChangeDesiredResult> ChangeAsync(string device, string patch, bool replace = false, long? ifVersion = null)
    {
        Assert.True(TwinPatch.TryRead(Encoding.UTF8.GetBytes(patch), out var read, out var problem), problem?.Detail);
        return Fleet.Get<ChangeDesired>().RunAsync(TestFleet.Admin, new(device, read, replace, ifVersion), default);
    }

    internal async Task<ChangeDesiredResult.Changed> ChangedAsync(string device, string patch, bool replace = false) =>
        Assert.IsType<ChangeDesiredResult.Changed>(await ChangeAsync(device, patch, replace));

    internal Task<StoreReportedResult> ReportAsync(string device, string patch)
    {
        Assert.True(TwinPatch.TryReadReport(Encoding.UTF8.GetBytes(patch), out var read, out var problem), problem?.Detail);
        return Fleet.Get<StoreReported>().RunAsync(new(device, read), default);
    }

    internal Task<DesiredNews> ReadAsync(string device, long? since) => Fleet.Get<ReadDesired>().RunAsync(new(device, since), default);

    internal async Task<DeviceTwin> TwinAsync(string device) =>
        Assert.IsType<FindTwinResult.Found>(await Fleet.Get<FindTwins>().OneAsync(TestFleet.Viewer, device, default)).Twin;

    internal async Task<IEnumerable<string>> NotInSyncAsync() =>
        Assert.IsType<FindTwinsResult.Page>(await Fleet.Get<FindTwins>().RunAsync(TestFleet.Viewer, new(InSync: false), default)).Twins.Select(twin => twin.DeviceId);

    public ValueTask DisposeAsync() => Fleet.DisposeAsync();
}
