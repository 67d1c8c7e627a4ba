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
        await RunAsync("claim", "revoke", "b-1");
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
