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
    private string Data => _folder.File("data");
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

    private async Task DoneAsync(params string[] arguments) => Assert.True(await RunAsync(arguments) == ExitCodes.Done, _errors.ToString());

    private Task<int> RunAsync(string[] arguments) => new CommandLine(_output, _errors, new Connection(_ => null)).InvokeAsync(arguments);
}
