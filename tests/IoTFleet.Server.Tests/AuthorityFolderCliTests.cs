using System.Text.Json;
using IoTFleet.Cli;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The offline ceremony at the command line, up to a server that starts without the root's key.</summary>
public sealed class AuthorityFolderCliTests : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private readonly TemporaryFolder _folder = new();

    private string Vault => _folder.File("vault");
    private string Data => _folder.Path;
    private string Ca => Path.Combine(Data, "ca");

    [Fact]
    public async Task Offline_root_signs_the_servers_authorities_and_the_server_starts_without_its_key()
    {
        File.WriteAllText(_folder.File("passphrase"), "correct horse\n");
        await DoneAsync("ca", "init", "--root-only", "--out", Vault, "--passphrase-file", _folder.File("passphrase"));
        await DoneAsync("ca", "install", "--folder", Ca, Path.Combine(Vault, "root.pem"));
        foreach (var purpose in (string[])["devices", "servers"])
        {
            await DoneAsync("ca", "request", "--purpose", purpose, "--out", Ca);
            await DoneAsync("ca", "sign", "--root", Vault, "--request", Path.Combine(Ca, purpose + ".csr"), "--out", _folder.File("signed.pem"), "--passphrase-file", _folder.File("passphrase"));
            await DoneAsync("ca", "install", "--folder", Ca, _folder.File("signed.pem"));
        }
        Assert.StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY", File.ReadAllText(Path.Combine(Vault, "root.key")));
        Assert.False(File.Exists(Path.Combine(Ca, "root.key")));

        var (program, ready) = await ServerProgram.StartReadyAsync(Data);
        await using (program) Assert.NotNull(ready);
    }

    /// <summary>Requirement L-6.</summary>
    [Fact]
    public async Task List_of_an_offline_root_is_signed_there_and_served_by_the_server_which_takes_no_lower_number()
    {
        await CeremonyAsync();
        var (list, revoked) = (_folder.File("root.crl"), _folder.File("revoked"));
        using var devices = PemFile.ReadCertificate(Path.Combine(Ca, "devices.pem"));
        await File.WriteAllTextAsync(revoked, $"# lost in the move\n{SerialNumber.Of(devices)} keyCompromise 2026-11-01T08:00Z\n");
        await DoneAsync("ca", "crl", "--root", Vault, "--out", list, "--revoked", revoked, "--number", "7", "--days", "60");
        await using var server = await RunningServer.StartAsync(_folder, keepFolder: true, ("IoTFleet:StatusPort", "0"), ("IoTFleet:StatusUrl", "http://pki.fleet.test/"));

        await DoneAsync("ca", "install-crl", list, "--data", server.DataPath);

        using var http = new HttpClient();
        await File.WriteAllBytesAsync(_folder.File("served.crl"), await http.GetByteArrayAsync($"http://127.0.0.1:{server.StatusPort}/crl/{AuthorityId.Of(server.Root)}/0.crl"));
        var read = await Peers.RunAsync("openssl", "crl", "-inform", "DER", "-in", _folder.File("served.crl"), "-CAfile", Path.Combine(Ca, "root.pem"), "-verify", "-noout", "-text");
        Assert.Contains("verify OK", read.Everything);
        Assert.Contains(SerialNumber.Of(devices).Hex.ToUpperInvariant(), read.Output);
        Assert.Contains("Only CA Certificates", read.Output);
        await DoneAsync("ca", "crl", "--root", Vault, "--out", list, "--number", "7");
        Assert.Equal(ExitCodes.Refused, await RunAsync(["ca", "install-crl", list, "--data", server.DataPath]));
        Assert.Contains("number 7", _errors.ToString());
    }

    [Theory]
    [InlineData("not hex", "must be a serial number")]
    [InlineData("0a becauseOfRain", "must be a serial number")]
    [InlineData("0a keyCompromise yesterday", "must be a serial number")]
    public async Task Line_that_is_no_revoked_authority_is_named(string line, string problem)
    {
        await File.WriteAllTextAsync(_folder.File("revoked"), $"\n{line}\n");
        Assert.Equal(ExitCodes.WrongUsage, await RunAsync(["ca", "crl", "--root", Vault, "--out", _folder.File("x"), "--revoked", _folder.File("revoked")]));
        Assert.Contains("line 2: " + problem, _errors.ToString());
    }

    [Fact]
    public async Task Live_drill_says_why_there_is_none()
    {
        await CeremonyAsync();
        await using var server = await RunningServer.StartAsync(_folder, keepFolder: true, ("IoTFleet:StatusPort", "-1"));
        Assert.Equal(ExitCodes.WrongUsage, await RunAsync(["ca", "drill", "--live", "--data", server.DataPath]));
        Assert.Contains("could not be taken back", _errors.ToString());
    }

    [Fact]
    public async Task What_was_made_is_said_and_can_be_read_by_programs()
    {
        await DoneAsync("ca", "request", "--purpose", "claims", "--out", Ca, "-o", "json");
        var made = JsonElement.Parse(_output.ToString());
        Assert.Equal(Path.Combine(Ca, "claims.csr"), made.GetProperty("request").GetString());
        Assert.True(AuthorityRequest.TryRead(File.ReadAllText(Path.Combine(Ca, "claims.csr")), out var request, out _));
        Assert.Equal(request.KeyFingerprint, made.GetProperty("key SHA-256").GetString());
    }

    [Fact]
    public async Task Keys_in_the_clear_are_encrypted_in_place()
    {
        File.WriteAllText(_folder.File("passphrase"), "correct horse\n");
        await DoneAsync("ca", "init", "--out", Ca);
        await DoneAsync("ca", "encrypt-keys", "--folder", Ca, "--passphrase-file", _folder.File("passphrase"));
        Assert.All(Directory.GetFiles(Ca, "*.key"), file => Assert.StartsWith("-----BEGIN ENCRYPTED", File.ReadAllText(file)));
    }

    [Theory]
    [InlineData(ExitCodes.WrongUsage, "none of devices", "ca", "request", "--purpose", "billing", "--out", "x")]
    [InlineData(ExitCodes.WrongUsage, "domain", "ca", "request", "--purpose", "devices", "--out", "x", "--fleet", "Not A Domain")]
    [InlineData(ExitCodes.Refused, "is missing", "ca", "sign", "--root", "nowhere", "--request", "nothing.csr", "--out", "x.pem")]
    [InlineData(ExitCodes.Refused, "without a passphrase", "ca", "encrypt-keys", "--folder", "nowhere")]
    public async Task Mistake_is_one_line_and_an_exit_code(int exitCode, string problem, params string[] arguments)
    {
        Assert.Equal(exitCode, await RunAsync(arguments));
        Assert.Contains(problem, Assert.Single(_errors.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    public void Dispose() => _folder.Dispose();

    private async Task CeremonyAsync()
    {
        await DoneAsync("ca", "init", "--root-only", "--out", Vault);
        await DoneAsync("ca", "install", "--folder", Ca, Path.Combine(Vault, "root.pem"));
        foreach (var purpose in (string[])["devices", "servers"])
        {
            await DoneAsync("ca", "request", "--purpose", purpose, "--out", Ca);
            await DoneAsync("ca", "sign", "--root", Vault, "--request", Path.Combine(Ca, purpose + ".csr"), "--out", _folder.File("signed.pem"));
            await DoneAsync("ca", "install", "--folder", Ca, _folder.File("signed.pem"));
        }
    }

    private async Task DoneAsync(params string[] arguments) => Assert.True(await RunAsync(arguments) == ExitCodes.Done, _errors.ToString());

    private Task<int> RunAsync(string[] arguments) => new CommandLine(_output, _errors, new Connection(_ => null)).InvokeAsync(arguments);
}
