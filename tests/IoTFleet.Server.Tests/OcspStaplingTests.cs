using System.Net;
using System.Net.Sockets;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>An OCSP answer about the server's own certificate in its handshake, as openssl finds it.</summary>
public sealed class OcspStaplingTests
{
    [Fact]
    public async Task Answer_comes_with_the_handshake_once_it_was_fetched()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere the platform staples, or does not.");
        var port = FreePort();
        await using var server = await RunningServer.StartAsync(("IoTFleet:StatusPort", $"{port}"), ("IoTFleet:StatusUrl", $"http://localhost:{port}/"), ("IoTFleet:StapleOcsp", "true"));

        await Eventually.TrueAsync(async () => (await StatusAsync(server)).Contains("Cert Status: good", StringComparison.Ordinal)); // None comes with the first.

        var last = await StatusAsync(server);
        Assert.Contains("OCSP Response Status: successful", last);
        Assert.Contains("Verify return code: 0 (ok)", last);
        Assert.Equal(2, Count(last, " s:")); // The leaf and its authority: the root is not sent.
    }

    [Fact]
    public async Task No_answer_comes_unless_it_is_asked_for_by_setting()
    {
        await using var server = await RunningServer.StartAsync(("IoTFleet:StatusPort", "0"), ("IoTFleet:StatusUrl", "http://pki.fleet.test/"));
        Assert.Contains("OCSP response: no response sent", await StatusAsync(server));
    }

    private static async Task<string> StatusAsync(RunningServer server) => (await Peers.RunAsync(
        "sh", "-c", "printf 'Q\\n' | openssl s_client -connect localhost:\"$0\" -servername localhost -CAfile \"$1\" -status 2>&1", $"{server.HttpsPort}", server.RootFile)).Everything;

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
