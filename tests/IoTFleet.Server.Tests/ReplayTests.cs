using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The demo's replay of real engine data: what the file says is what REST gives back, also when the server is killed in the middle.</summary>
public sealed class ReplayTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.File("demo");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_replayed_file_is_stored_value_by_value_and_once()
    {
        var file = TestData.Require("turbofan-fd001.csv");
        await using var demo = StartDemo(file);
        Assert.True(await demo.ExitCodeAsync() == 0, demo.Output);

        var stored = await ReadBackAsync();
        Assert.Equal(20_631, stored.Sum(device => device.Value.Count));
        await foreach (var (device, rows) in RowsByDeviceAsync(file)) Assert.Equal(rows, stored[device]);
    }

    [Fact]
    public async Task What_was_acked_before_a_kill_9_is_stored_after_it_and_once()
    {
        var file = TestData.Require("turbofan-fd001.csv");
        await using var demo = StartDemo(file);
        var server = await demo.ReadyAsync(Data);
        using var client = ClientOf(server);
        await Eventually.TrueAsync(async () => (await client.GetOverviewAsync()).MessagesStored > 2_000, TimeSpan.FromMinutes(2));
        ServerProgram.Kill(server.ProcessId);

        Assert.True(await demo.ExitCodeAsync() == 0, demo.Output);       // its verdict: nothing that was acknowledged is lost
        Assert.DoesNotContain("reconnects 0;", demo.Output, StringComparison.Ordinal);
        var stored = await ReadBackAsync();
        await foreach (var (device, rows) in RowsByDeviceAsync(file)) Assert.Equal(rows, stored[device]);       // and nothing is there twice
    }

    private ServerProgram StartDemo(string file) => ServerProgram.StartSimulator(
        "demo", "--replay", file, "--device-column", "device", "--data", Data, "--mqtt-port", "0", "--https-port", "0", "--fresh",
        "--server-dll", Path.Combine(AppContext.BaseDirectory, "IoTFleet.Server.dll"));

    /// <summary>All stored bodies by device, in the order that REST gives them, from a server started again on the demo's data.</summary>
    private async Task<Dictionary<string, List<string>>> ReadBackAsync()
    {
        var (program, ready) = await ServerProgram.StartReadyAsync(Data);
        await using (program)
        {
            using var client = ClientOf(ready);
            var stored = new Dictionary<string, List<string>>();
            await foreach (var device in client.GetDevicesAsync())
            {
                stored[device.Id] = [];
                await foreach (var record in client.GetTelemetryAsync(device.Id)) stored[device.Id].Add(record.Body.GetRawText());
            }

            return stored;
        }
    }

    /// <summary>The file as this test reads it: each row of a device as the JSON object it must have become, numbers as they stand in the file.</summary>
    private static async IAsyncEnumerable<(string Device, List<string> Rows)> RowsByDeviceAsync(string file)
    {
        var lines = await File.ReadAllLinesAsync(file);
        var names = lines[0].Split(',');
        foreach (var device in lines.Skip(1).Select(line => line.Split(',')).GroupBy(fields => fields[0]))
        {
            yield return (device.Key, [.. device.Select(fields => "{" + string.Join(',', names.Zip(fields).Skip(1).Select(pair => $"{JsonSerializer.Serialize(pair.First)}:{pair.Second}")) + "}")]);
        }
    }

    private static FleetClient ClientOf(ServerFile server) =>
        new(new Uri($"https://localhost:{server.HttpsPort}"), File.ReadAllText(server.ApiKeyFile).Trim(), ServerTrust.FromRootFile(server.RootFile));
}
