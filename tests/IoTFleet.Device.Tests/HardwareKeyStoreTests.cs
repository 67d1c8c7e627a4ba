using System.Security.Cryptography;
using IoTFleet.Device.Identity;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>What is told of a token or a TPM that does not do as it should. The rest is in <see cref="TokenNextSlotTests"/> and, with a server, in IoTFleet.Server.Tests.</summary>
public sealed class HardwareKeyStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Two_keys_that_were_made_beforehand_take_turns()
    {
        await SoftToken.RequireAsync();
        var (a, b) = (SoftToken.NewLabel("a"), SoftToken.NewLabel("b"));
        await SoftToken.MakeKeyAsync(a);
        await SoftToken.MakeKeyAsync(b);
        var store = new HardwareKeyStore(Options(SoftToken.Pin, SoftToken.Uri(a), SoftToken.Uri(b)));

        var (first, second) = (await PublicKeyAsync(store.OpenKeyAsync(default)), await PublicKeyAsync(store.OpenNextKeyAsync(default)));
        await NextSlotTests.EnrolAsync(store);
        await NextSlotTests.RenewAsync(store);
        await store.PromoteNextAsync(default);

        Assert.Equal(second, await PublicKeyAsync(store.OpenKeyAsync(default)));
        Assert.Equal(first, await PublicKeyAsync(store.OpenNextKeyAsync(default)));
    }

    [Fact]
    public async Task Single_key_is_kept_over_a_renewal()
    {
        await SoftToken.RequireAsync();
        var label = SoftToken.NewLabel("only");
        await SoftToken.MakeKeyAsync(label);
        var store = new HardwareKeyStore(Options(SoftToken.Pin, SoftToken.Uri(label)));

        Assert.Equal(await PublicKeyAsync(store.OpenKeyAsync(default)), await PublicKeyAsync(store.OpenNextKeyAsync(default)));
    }

    [Fact]
    public async Task Wrong_pin_is_told_with_what_to_do_and_without_the_pin()
    {
        await SoftToken.RequireAsync();
        var label = SoftToken.NewLabel("locked");
        await SoftToken.MakeKeyAsync(label, SoftToken.OtherLabel, SoftToken.OtherPin);

        var error = await FailsAsync(Options(SoftToken.Pin, SoftToken.Uri(label, SoftToken.OtherLabel)));

        Assert.Contains("PIN is right", error.Message);
        Assert.Contains("two of the token's tries", error.Message);
        Assert.DoesNotContain("SECRET", error.ToString());
    }

    [Theory]
    [InlineData("pkcs11:token=not-plugged-in;object=a;type=private", "pkcs11-tool --list-slots")]
    [InlineData("pkcs11:token=iotfleet-test;object=never-made;type=private", "the key exists")]
    public async Task Absent_token_or_key_is_told_with_what_to_do(string uri, string advice)
    {
        await SoftToken.RequireAsync();

        var error = await FailsAsync(Options(SoftToken.Pin, uri));

        Assert.Contains(uri, error.Message);
        Assert.Contains(advice, error.Message);
        Assert.False(File.Exists(Path.Combine(_folder.File("device-data"), "key.uri")), "a key that does not open was written down");
    }

    [Theory]
    [InlineData("pkcs11:object=a?pin-value=1234", "must not hold the PIN")]
    [InlineData("file:key.pem", "must be a URI")]
    [InlineData("pkcs11:token=a b", "must be a URI")]
    public void Reference_that_tells_its_pin_or_is_none_is_refused(string reference, string problem)
    {
        var error = Assert.Throws<DeviceException>(() => new HardwareKeyStore(Options(null, reference)));

        Assert.Equal(DeviceError.OptionsNotValid, error.Error);
        Assert.Contains(problem, error.Message);
    }

    [Fact]
    public void Pin_file_that_is_missing_or_empty_is_named()
    {
        var options = Options(null, "pkcs11:object=a") with { PinFile = _folder.File("pin") };
        Assert.Contains(_folder.File("pin"), Assert.Throws<DeviceException>(() => new HardwareKeyStore(options)).Message);

        File.WriteAllText(_folder.File("pin"), "\n");

        Assert.Contains("is empty", Assert.Throws<DeviceException>(() => new HardwareKeyStore(options)).Message);
    }

    private static async Task<DeviceException> FailsAsync(HardwareKeyOptions options)
    {
        var error = await Assert.ThrowsAsync<DeviceException>(async () => await new HardwareKeyStore(options).OpenKeyAsync(default));
        Assert.Equal(DeviceError.KeyStoreFailed, error.Error);
        return error;
    }

    private static async Task<byte[]> PublicKeyAsync(ValueTask<ECDsa> opening)
    {
        using var key = await opening;
        return key.ExportSubjectPublicKeyInfo();
    }

    private HardwareKeyOptions Options(string? pin, params string[] keys)
    {
        if (pin is not null)
            File.WriteAllText(_folder.File("pin"), pin);
        return new HardwareKeyOptions { Folder = _folder.File("device-data"), Keys = keys, PinFile = pin is null ? null : _folder.File("pin") };
    }
}
