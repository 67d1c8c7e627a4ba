using System.Net;
using System.Net.Sockets;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The server as a program: what it says, what it keeps, how it ends.</summary>
public sealed class StartupTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.File("data");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task First_start_makes_what_it_needs_and_the_next_one_reuses_it_and_says_so()
    {
        var (first, ready) = await ServerProgram.StartReadyAsync(Data, "--host", "fleet.example");
        var key = (await File.ReadAllTextAsync(ready.ApiKeyFile)).Trim();
        first.Terminate();
        Assert.Equal(0, await first.ExitCodeAsync());
        Assert.Contains($"root SHA-256  {ready.RootFingerprint}", first.Output, StringComparison.Ordinal);
        Assert.Contains(key, first.Output, StringComparison.Ordinal);

        var (second, again) = await ServerProgram.StartReadyAsync(Data, "--host", "fleet.example");
        second.Terminate();
        Assert.Equal(0, await second.ExitCodeAsync());
        Assert.Equal(ready.RootFingerprint, again.RootFingerprint);
        Assert.Contains("authorities   found and reused", second.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(key, second.Output, StringComparison.Ordinal);
        await first.DisposeAsync();
        await second.DisposeAsync();
    }

    [Fact]
    public async Task Private_keys_and_the_api_key_are_for_the_owner_only()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has access lists instead of modes.");
        var (program, _) = await ServerProgram.StartReadyAsync(Data);
        await using (program)
        {
            string[] secrets = [.. Directory.GetFiles(Data, "*.key", SearchOption.AllDirectories), .. Directory.GetFiles(Path.Combine(Data, "console-keys"))];
            Assert.Equal(9, secrets.Length);
            Assert.All(secrets, file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(file).UnixFileMode));
        }
    }

    [Fact]
    public async Task A_port_in_use_is_said_in_one_line()
    {
        using var taken = new TcpListener(IPAddress.IPv6Any, 0);
        taken.Server.DualMode = true;
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await ExpectRefusalAsync($"{port}", "--data", Data, "--mqtt-port", $"{port}", "--https-port", "0");
    }

    [Fact]
    public async Task A_data_folder_that_cannot_be_made_is_said_in_one_line()
    {
        await File.WriteAllTextAsync(_folder.File("file"), "");
        await ExpectRefusalAsync(_folder.File("file"), "--data", Path.Combine(_folder.File("file"), "data"), "--mqtt-port", "0", "--https-port", "0");
    }

    [Fact]
    public async Task A_data_folder_in_use_is_said_in_one_line()
    {
        var (program, _) = await ServerProgram.StartReadyAsync(Data);
        await using (program) await ExpectRefusalAsync("in use", "--data", Data, "--mqtt-port", "0", "--https-port", "0");
    }

    [Theory]
    [InlineData("ca/devices.key")]
    [InlineData("ca/root.pem")]
    [InlineData("tls/server.key")]
    public async Task A_broken_key_file_is_said_in_one_line(string file)
    {
        await MakeDataAsync();
        await File.WriteAllTextAsync(Path.Combine(Data, file), "not a key");
        await ExpectRefusalAsync(Path.GetFileName(file), "--data", Data, "--mqtt-port", "0", "--https-port", "0");
    }

    [Fact]
    public async Task A_broken_database_is_said_in_one_line()
    {
        await MakeDataAsync();
        await File.WriteAllTextAsync(Path.Combine(Data, "fleet.db"), new string('x', 10_000));
        await ExpectRefusalAsync("fleet.db", "--data", Data, "--mqtt-port", "0", "--https-port", "0");
    }

    [Theory]
    [InlineData("--mqtt-port", "70000", "MqttPort")]
    [InlineData("--fleet", "Not A Domain", "Fleet")]
    [InlineData("--host", "bad host!", "Hosts")]
    public async Task A_setting_out_of_range_is_said_in_one_line(string flag, string value, string named) =>
        await ExpectRefusalAsync(named, "--data", Data, flag, value);

    [Fact]
    public async Task The_new_key_stays_out_of_an_output_that_is_a_log()
    {
        await using var program = ServerProgram.Start(["--data", Data, "--mqtt-port", "0", "--https-port", "0"], ("IoTFleet__ShowNewKey", "false"));
        var ready = await program.ReadyAsync(Data);
        program.Terminate();
        Assert.Equal(0, await program.ExitCodeAsync());
        Assert.StartsWith("ifk_", await File.ReadAllTextAsync(ready.ApiKeyFile), StringComparison.Ordinal);
        Assert.Contains($"kept in {ready.ApiKeyFile}", program.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ifk_", program.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Telemetry__MaxBatch", "0", "Telemetry:MaxBatch must be between")]
    [InlineData("Broker__ReceiveMaximum", "129", "Telemetry:RepeatWindow is 128, but a device may have 129 messages in flight")]
    public async Task A_telemetry_setting_out_of_range_is_said_in_one_line(string setting, string value, string line)
    {
        await using var program = ServerProgram.Start(["--data", Data], (setting, value));
        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.Contains(line, program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lost_administrator_key_can_be_replaced_by_a_new_one()
    {
        await MakeDataAsync();
        File.Delete(Path.Combine(Data, "admin.key"));
        var (program, ready) = await ServerProgram.StartReadyAsync(Data, "--new-admin-key");
        await using (program)
        {
            var key = (await File.ReadAllTextAsync(ready.ApiKeyFile)).Trim();
            await Eventually.TrueAsync(() => Task.FromResult(program.Output.Contains(key, StringComparison.Ordinal)));
        }
    }

    private async Task MakeDataAsync()
    {
        var (program, _) = await ServerProgram.StartReadyAsync(Data);
        program.Terminate();
        Assert.Equal(0, await program.ExitCodeAsync());
        await program.DisposeAsync();
    }

    private static async Task ExpectRefusalAsync(string naming, params string[] arguments)
    {
        await using var program = ServerProgram.Start(arguments);
        Assert.Equal(1, await program.ExitCodeAsync());
        var line = Assert.Single(program.Output.Split('\n'), line => !line.Contains(" info: ", StringComparison.Ordinal));
        Assert.Contains(naming, line, StringComparison.Ordinal);
    }
}
