using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Cli;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Est;

/// <summary>The operator's commands for the ways in, against a running server.</summary>
public sealed class WaysInCliTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_batch_is_opened_and_its_claim_certificate_enrols_a_device()
    {
        await RunAsync("group", "create", "line", "--way", "claimCertificate", "--id-pattern", "pump-*", "--max-devices", "5");
        await RunAsync("claim", "batch", "create", "b-1", "--group", "line", "--quota", "2");
        await RunAsync("claim", "issue", "b-1", "--key-out", File("claim.key"), "--out", File("claim.pem"));

        using var claim = X509Certificate2.CreateFromPemFile(File("claim.pem"), File("claim.key"));
        using var http = _server.Http(claim);
        using var answer = await http.EstAsync("line/simpleenroll", EstScene.Csr("pump-1"));

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        await RunAsync("claim", "list");
        Assert.Contains("1/2", _output.ToString(), StringComparison.Ordinal);
        await RunAsync("batch", "revoke", "b-1");
    }

    [Fact]
    public async Task A_group_is_changed_in_what_is_given_and_nothing_else()
    {
        await RunAsync("group", "create", "line", "--max-devices", "5", "--max-per-hour", "7", "--grace-days", "3");

        await RunAsync("group", "set", "line", "--max-devices", "none", "--tag", "site=north");

        var group = await _server.Client.GetGroupAsync("line");
        Assert.Equal((null, 7, 3), (group.MaxDevices, group.MaxPerHour, group.GraceDays));
        Assert.Equal(["site=north"], group.Tags);
    }

    [Fact]
    public async Task An_import_that_broke_off_goes_on_where_it_was()
    {
        var file = File("devices.csv");
        await System.IO.File.WriteAllLinesAsync(file, ["id,displayName", .. Enumerable.Range(0, 2_500).Select(i => $"pump-{i},Pump {i}")]);
        await System.IO.File.WriteAllTextAsync(file + ".progress", "2000");

        await RunAsync("import", file, "--resume");
        Assert.Contains("2500 rows: 500 registered", _output.ToString(), StringComparison.Ordinal);
        await RunAsync("import", file, "--dry-run");
        Assert.Contains("2500 rows looked at, nothing written: 2000 registered, 500 unchanged", _output.ToString(), StringComparison.Ordinal);
        await RunAsync("import", file);

        Assert.Contains("2500 rows: 2000 registered, 500 unchanged", _output.ToString(), StringComparison.Ordinal);
        Assert.False(System.IO.File.Exists(file + ".progress"));
    }

    [Fact]
    public async Task Curl_imports_over_rest_and_reads_a_result_for_each_row()
    {
        Peers.Require("curl");
        await System.IO.File.WriteAllTextAsync(File("devices.csv"), "id,serial\npump-1,\npump-2,\nPump 3,\n");
        await System.IO.File.WriteAllTextAsync(File("curl"), $"header = \"Authorization: Bearer {_server.ApiKey}\"\n"); // The key is not to be seen in the list of processes.
        string[] options = ["-sS", "--fail", "--cacert", _server.RootFile, "--config", File("curl"), "-X", "POST", "-H", "Content-Type: text/csv", "-T", File("devices.csv")];

        var dry = await Peers.RunAsync("curl", [.. options, $"https://localhost:{_server.HttpsPort}/api/v1/import?dryRun=true"]);
        Assert.Empty((await _server.Client.GetDevicesPageAsync()).Items);
        var real = await Peers.RunAsync("curl", [.. options, $"https://localhost:{_server.HttpsPort}/api/v1/import"]);

        foreach (var lines in new[] { dry, real }.Select(answer => answer.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)))
        {
            Assert.Equal(3, lines.Length);
            Assert.Contains("pump-1", lines[0], StringComparison.Ordinal);
            Assert.Contains("invalid", lines[2], StringComparison.OrdinalIgnoreCase);
        }
        Assert.Equal(["pump-1", "pump-2"], (await _server.Client.GetDevicesPageAsync()).Items.Select(device => device.Id));
    }

    [Fact]
    public async Task A_renewal_is_asked_for_and_a_refusal_is_seen()
    {
        using var certificate = await _server.EnrolAsync("pump-1");
        await RunAsync("certs", "renew", "--device", "pump-1");
        await _server.Client.RevokeDeviceAsync("pump-1");
        await using var client = await _server.OpenAsync(certificate);
        Assert.NotEqual(IoTFleet.Mqtt.ReasonCode.Success, (await client.ConnectAsync("pump-1")).Reason);

        await RunAsync("refusals", "--device", "pump-1");

        Assert.Contains("revoked", _output.ToString(), StringComparison.Ordinal);
        await RunAsync("certs", "forecast");
    }

    [Fact]
    public async Task A_waiting_device_is_seen_and_approved()
    {
        await RunAsync("group", "create", "queue", "--approval", "true");
        var (token, csr) = (await _server.TokenAsync("queue"), EstScene.Csr("pump-1"));
        using var http = _server.Http();
        using var waits = await http.EstAsync("simpleenroll", csr, "pump-1", token);
        Assert.Equal(System.Net.HttpStatusCode.Accepted, waits.StatusCode);

        await RunAsync("pending");
        Assert.Contains("pump-1", _output.ToString(), StringComparison.Ordinal);
        await RunAsync("approve", Assert.Single(await _server.Client.GetPendingAsync()).Id);

        using var answer = await http.EstAsync("simpleenroll", csr, "pump-1", token);
        Assert.Equal(System.Net.HttpStatusCode.OK, answer.StatusCode);
    }

    private string File(string name) => Path.Combine(_folder.Path, name);

    private async Task RunAsync(params string[] arguments)
    {
        var cli = new CommandLine(_output, _errors, new Connection(name => name == "IOTFLEET_DATA" ? _server.DataPath : null));
        var code = await cli.InvokeAsync(arguments);
        Assert.True(code == ExitCodes.Done, _errors.ToString());
    }
}
