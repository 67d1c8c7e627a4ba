using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>A PKCS#11 token without hardware: SoftHSM2 behind OpenSSL's engine. One for the whole process, since its library reads its settings once.</summary>
public static class SoftToken
{
    public const string Pin = "71a6-SECRET-pin";
    public const string Label = "iotfleet-test";

    /// <summary>Another token, for which <see cref="Pin"/> is wrong. Apart, because who was let in once stays in.</summary>
    public const string OtherLabel = "iotfleet-other";
    public const string OtherPin = "another-SECRET-pin";

    private static readonly TemporaryFolder Folder = new();
    private static readonly SemaphoreSlim Turn = new(1);
    private static bool _ready;

    /// <summary>The token's library, for <c>PKCS11_MODULE_PATH</c>.</summary>
    public static string Module => Peers.RequireFile("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so");

    public static async Task RequireAsync()
    {
        Peers.Require("softhsm2-util");
        Peers.Require("pkcs11-tool");
        var module = Module;
        Peers.RequireFile("/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so", "/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so", "/usr/lib64/engines-3/pkcs11.so");
        await Turn.WaitAsync();
        try
        {
            if (_ready) return;
            Directory.CreateDirectory(Folder.File("tokens"));
            await File.WriteAllTextAsync(Folder.File("softhsm2.conf"), $"directories.tokendir = {Folder.File("tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n");
            SetVariable("SOFTHSM2_CONF", Folder.File("softhsm2.conf"));
            SetVariable("PKCS11_MODULE_PATH", module);
            await RunAsync("softhsm2-util", "--init-token", "--free", "--label", Label, "--pin", Pin, "--so-pin", "0000-so-pin");
            await RunAsync("softhsm2-util", "--init-token", "--free", "--label", OtherLabel, "--pin", OtherPin, "--so-pin", "0000-so-pin");
            _ready = true;
        }
        finally
        {
            Turn.Release();
        }
    }

    /// <summary>The name of a key that no other test has.</summary>
    public static string NewLabel(string what) => $"{what}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";

    public static string Uri(string keyLabel, string tokenLabel = Label) => $"pkcs11:token={tokenLabel};object={keyLabel};type=private";

    public static Task ImportAsync(string keyFile, string label) => RunAsync("softhsm2-util",
        "--import", keyFile, "--token", Label, "--label", label, "--id", Convert.ToHexString(RandomNumberGenerator.GetBytes(4)), "--pin", Pin);

    /// <summary>A new key pair in the token, which takes the place of one that has that name.</summary>
    public static async Task MakeKeyAsync(string label, string tokenLabel = Label, string pin = Pin)
    {
        foreach (var kind in new[] { "privkey", "pubkey" })
        {
            // Nothing to delete is no failure.
            await Peers.RunAsync("pkcs11-tool", "--module", Module, "--token-label", tokenLabel, "--login", "--pin", pin, "--delete-object", "--type", kind, "--label", label);
        }
        await RunAsync("pkcs11-tool", "--module", Module, "--token-label", tokenLabel, "--login", "--pin", pin,
            "--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", Convert.ToHexString(RandomNumberGenerator.GetBytes(4)));
    }

    /// <summary>For native code of this process and for programs that it starts: .NET keeps its own copy of the environment.</summary>
    public static void SetVariable(string name, string value)
    {
        Assert.Equal(0, SetEnvironment(name, value, 1));
        Environment.SetEnvironmentVariable(name, value);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var done = await Peers.RunAsync(program, arguments);
        Assert.True(done.ExitCode == 0, done.Everything);
    }

    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int SetEnvironment(string name, string value, int overwrite);
}
