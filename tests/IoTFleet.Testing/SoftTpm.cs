using System.Diagnostics;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>A TPM 2.0 without hardware: swtpm, spoken to by a socket in a folder of its own.</summary>
public sealed class SoftTpm : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Process _process;

    private SoftTpm()
    {
        var socket = _folder.File("tpm");
        _process = Peers.Start("swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + _folder.Path, "--flags", "not-need-init,startup-clear",
            "--server", "type=unixio,path=" + socket, "--ctrl", $"type=unixio,path={socket}.ctrl");
        Tcti = "swtpm:path=" + socket;
    }

    /// <summary>Where it is, in the words of tpm2-tss.</summary>
    public string Tcti { get; }

    /// <summary>What a program needs in its environment to use the keys of <see cref="MakeTokenAsync"/>.</summary>
    public (string Name, string Value)[] TokenEnvironment =>
    [
        ("TPM2_PKCS11_STORE", _folder.File("store")), ("TPM2_PKCS11_TCTI", Tcti),
        ("PKCS11_MODULE_PATH", Peers.RequireFile("/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1", "/usr/lib/aarch64-linux-gnu/libtpm2_pkcs11.so.1", "/usr/lib64/pkcs11/libtpm2_pkcs11.so")),
    ];

    public static async Task<SoftTpm> StartAsync()
    {
        foreach (var program in new[] { "swtpm", "tpm2_createprimary", "tpm2_ptool" }) Peers.Require(program);
        var tpm = new SoftTpm();
        await Eventually.TrueAsync(() => Task.FromResult(File.Exists(tpm._folder.File("tpm")) && File.Exists(tpm._folder.File("tpm.ctrl"))), TimeSpan.FromSeconds(30));
        return tpm;
    }

    /// <summary>A P-256 key of the TPM's own that survives a restart: what docs/device-keys.md tells an installer to do.</summary>
    public Task MakePersistentKeyAsync(string handle) => ShellAsync($"""
        tpm2_createprimary -Q -C o -g sha256 -G ecc -c primary.ctx && tpm2_flushcontext -t &&
        tpm2_create -Q -C primary.ctx -G ecc256 -u key.pub -r key.priv -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign' && tpm2_flushcontext -t &&
        tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx && tpm2_flushcontext -t &&
        tpm2_evictcontrol -Q -C o -c key.ctx {handle} && tpm2_flushcontext -t
        """);

    /// <summary>The same by PKCS#11: a token in the TPM with these keys.</summary>
    public async Task MakeTokenAsync(string token, string pin, params string[] labels)
    {
        await ShellAsync($"tpm2_ptool init && tpm2_ptool addtoken --pid=1 --label={token} --sopin=so-pin --userpin={pin}");
        foreach (var label in labels) await ShellAsync($"tpm2_ptool addkey --algorithm=ecc256 --label={token} --userpin={pin} --key-label={label}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }

    /// <summary>
    /// A TPM has room for three keys at a time. On a real machine the kernel sees to that (/dev/tpmrm0); here each of the tools that tpm2_ptool calls first throws out what the one before has left.
    /// </summary>
    private async Task ShellAsync(string commands)
    {
        Directory.CreateDirectory(_folder.File("store"));
        var prepare = """
            mkdir -p tools; for tool in /usr/bin/tpm2_*; do
              case $tool in *_ptool|*_flushcontext) continue;; esac
              printf '#!/bin/sh\n/usr/bin/tpm2_flushcontext -t\nexec %s "$@"\n' "$tool" > "tools/${tool##*/}"; chmod +x "tools/${tool##*/}"
            done
            """;
        var done = await Peers.RunAsync("sh", "-c",
            $"cd {_folder.Path}; {prepare}\nexport PATH={_folder.Path}/tools:$PATH TPM2TOOLS_TCTI={Tcti} TPM2_PKCS11_TCTI={Tcti} TPM2_PKCS11_STORE={_folder.File("store")}\n{commands} && tpm2_flushcontext -t");
        Assert.True(done.ExitCode == 0, done.Everything);
    }
}
