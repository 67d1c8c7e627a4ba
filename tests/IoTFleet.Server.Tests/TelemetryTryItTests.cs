using System.Text.Json;
using System.Text.RegularExpressions;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The commands of docs/telemetry.md, as they stand there, by other people's clients and the program that operators type.</summary>
public sealed class TelemetryTryItTests(InteropFleet fleet) : IClassFixture<InteropFleet>
{
    [Fact]
    public async Task What_the_page_says_one_may_try_comes_out_as_it_says()
    {
        foreach (var program in (string[])["bash", "mosquitto_pub", "curl"]) Peers.Require(program);
        using var folder = new TemporaryFolder();
        var device = await fleet.DeviceAsync("pump-7");
        File.CreateSymbolicLink(folder.File("pump-7"), Path.GetDirectoryName(device.Certificate)!);
        File.CreateSymbolicLink(folder.File("data"), fleet.Server.DataPath);
        var commands = Repository.Read("docs/telemetry.md").Split("```sh\n# try-it.sh")[1].Split("```")[0];
        await File.WriteAllTextAsync(folder.File("try-it.sh"), $$"""
            set -e -o pipefail
            cd {{folder.Path}}
            export MQTT_PORT={{fleet.Server.MqttPort}} HTTPS_PORT={{fleet.Server.HttpsPort}}
            iotfleet() { dotnet {{Path.Combine(AppContext.BaseDirectory, "iotfleet.dll")}} "$@" --data data; }

            """.ReplaceLineEndings("\n") + commands);

        var tried = await Peers.RunAsync(TimeSpan.FromMinutes(5), "bash", folder.File("try-it.sh"));

        Assert.True(tried.ExitCode == 0, tried.Everything);
        Assert.Contains("Publish 1 failed: Payload format invalid", tried.Everything, StringComparison.Ordinal);
        Assert.Matches(new Regex(@"pump-7 +- +motor\.rpm +1480 "), tried.Output);
        Assert.Matches(new Regex(@"pump-7 +plc +t +25 "), tried.Output);
        Assert.Single(Regex.Matches(tried.Output, @"^\S+ \S+ +line-1 +42 +\{""t"":5\}", RegexOptions.Multiline));
        Assert.Single(Regex.Matches(tried.Output, @"^\S+ \S+ +line-2 +43 +\{""seq"":43,""t"":6\}", RegexOptions.Multiline));
        Assert.Matches(new Regex(@"^t +2026-01-01 00:00:00Z +3 +20 +22 +24 +66 ", RegexOptions.Multiline), tried.Output);
        Assert.Contains("payload-not-json", tried.Output, StringComparison.Ordinal);
        Assert.Contains("pump-7,,2026-01-01T00:02:00", await File.ReadAllTextAsync(folder.File("pump-7.csv")), StringComparison.Ordinal);
        var history = JsonElement.Parse(tried.Output[tried.Output.LastIndexOf("{\"items\"", StringComparison.Ordinal)..]);
        Assert.Equal(1480, Assert.Single(history.GetProperty("items").EnumerateArray()).GetProperty("values").GetProperty("motor.rpm").GetInt32());
    }
}
