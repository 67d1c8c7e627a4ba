using System.Text.RegularExpressions;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The cookbook of tests/interop/pki-cookbook.sh against a running server: curl, openssl, GnuTLS and mosquitto_pub, each command with what must come of it.</summary>
public sealed partial class PkiCookbookTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Other_peoples_programs_find_everything_as_it_should_be()
    {
        foreach (var program in (string[])["bash", "curl", "openssl", "certtool", "ocsptool", "gnutls-cli", "mosquitto_pub"]) Peers.Require(program);
        await using var server = await RunningServer.StartAsync(("IoTFleet:StatusPort", "0"), ("IoTFleet:StatusUrl", "http://pki.fleet.test/"));
        using var folder = new TemporaryFolder();
        var script = Repository.PathTo("tests/interop/pki-cookbook.sh");

        var report = await Peers.RunAsync(
            Patience, "bash", script, $"{server.HttpsPort}", $"{server.MqttPort}", $"{server.StatusPort}", server.RootFile, Path.Combine(server.DataPath, "admin.key"), folder.File("work"));

        Assert.True(report.ExitCode == 0 && !report.Output.Contains("not ok", StringComparison.Ordinal), report.Everything);
        var steps = Ok().Count(report.Output);
        Assert.Contains($"1..{steps}\n", report.Output, StringComparison.Ordinal);
        Assert.InRange(steps, 80, int.MaxValue);        // a script that ends early is no success
    }

    [GeneratedRegex(@"^ok \d+ - ", RegexOptions.Multiline)]
    private static partial Regex Ok();
}
