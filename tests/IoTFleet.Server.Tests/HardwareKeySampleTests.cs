using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The sample with its keys in hardware, as a program of its own: a PKCS#11 library is a process's for good.</summary>
public sealed class HardwareKeySampleTests : IAsyncLifetime
{
    private const string Device = "meter-1";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TemporaryFolder _folder = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_key_in_a_token_enrols_connects_and_publishes_and_does_so_again_without_a_token()
    {
        await SoftToken.RequireAsync();
        var labels = new[] { SoftToken.NewLabel("a"), SoftToken.NewLabel("b") };
        foreach (var label in labels) await SoftToken.MakeKeyAsync(label);

        await StoresAsync([.. labels.Select(label => SoftToken.Uri(label))], ("IOTFLEET_DEVICE_PIN", SoftToken.Pin), ("ENROLMENT_TOKEN", await TokenAsync()));
        await StoresAsync([.. labels.Select(label => SoftToken.Uri(label))], ("IOTFLEET_DEVICE_PIN", SoftToken.Pin));

        Assert.Single((await _server.Client.GetDeviceAsync(Device)).Certificates);
    }

    /// <summary>Mutual TLS with a key that was made in the TPM and has never been outside.</summary>
    [Fact]
    public async Task A_key_in_a_tpm_enrols_connects_and_publishes()
    {
        await using var tpm = await SoftTpm.StartAsync();
        await tpm.MakeTokenAsync("iot", "1234", "device-a", "device-b");

        await StoresAsync(["pkcs11:token=iot;object=device-a;type=private", "pkcs11:token=iot;object=device-b;type=private"],
            [.. tpm.TokenEnvironment, ("IOTFLEET_DEVICE_PIN", "1234"), ("ENROLMENT_TOKEN", await TokenAsync())]);
    }

    [Fact]
    public async Task A_wrong_pin_ends_the_program_which_says_what_to_do()
    {
        await SoftToken.RequireAsync();
        var label = SoftToken.NewLabel("a");
        await SoftToken.MakeKeyAsync(label);

        await using var sample = Start([SoftToken.Uri(label)], ("IOTFLEET_DEVICE_PIN", "wrong-SECRET-pin"));

        Assert.Equal(1, await sample.ExitCodeAsync());
        Assert.Contains("that the PIN is right", sample.Output);
        Assert.DoesNotContain("SECRET", sample.Output);
    }

    private async Task<string> TokenAsync() => (await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "sample", MaxUses = 1 })).Secret;

    private async Task StoresAsync(string[] keys, params (string Name, string Value)[] environment)
    {
        await using var sample = Start(keys, environment);
        await Eventually.TrueAsync(() => Task.FromResult(sample.Output.Contains("\nstored ", StringComparison.Ordinal) || sample.HasExited), Patience);
        Assert.False(sample.HasExited, sample.Output);
    }

    private ServerProgram Start(string[] keys, params (string Name, string Value)[] environment) => ServerProgram.StartSample(
        "HardwareKey.dll", _folder.Path,
        [Device, $"https://localhost:{_server.HttpsPort}", _server.RootFingerprint, .. keys],
        [.. environment, ("BROKER_PORT", _server.MqttPort.ToString(System.Globalization.CultureInfo.InvariantCulture))]);
}
