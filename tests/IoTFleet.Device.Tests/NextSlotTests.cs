using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>What every key store keeps of a renewal that is under way, whichever store it is.</summary>
public abstract class NextSlotTests
{
    private protected abstract IKeyStore Reopen();

    [Fact]
    public async Task Next_key_is_made_once_and_is_another_than_the_one_in_use()
    {
        var current = await PublicKeyAsync(Reopen());

        var next = await NextPublicKeyAsync(Reopen());

        Assert.Equal(next, await NextPublicKeyAsync(Reopen()));
        Assert.NotEqual(current, next);
    }

    [Fact]
    public async Task Promotion_puts_the_next_pair_in_the_place_of_the_old_one()
    {
        await EnrolAsync(Reopen());
        var (key, certificate) = await RenewAsync(Reopen());

        await Reopen().PromoteNextAsync(default);

        Assert.Equal(key, await PublicKeyAsync(Reopen()));
        Assert.Equal(certificate, (await Reopen().LoadAsync(default))!.Certificate.ToArray());
        Assert.Null(await Reopen().LoadNextAsync(default));
        Assert.NotEqual(key, await NextPublicKeyAsync(Reopen()));
    }

    [Fact]
    public async Task Trust_bundle_is_kept_byte_for_byte_until_another_comes_or_it_is_forgotten()
    {
        Assert.Null(await Reopen().LoadTrustBundleAsync(default));
        await Reopen().SaveTrustBundleAsync("{\"payload\":\"one\"}"u8.ToArray(), default);
        await Reopen().SaveTrustBundleAsync("{\"payload\":\"two\"}"u8.ToArray(), default);

        Assert.Equal("{\"payload\":\"two\"}"u8.ToArray(), (await Reopen().LoadTrustBundleAsync(default))!.Value.ToArray());
        await Reopen().SaveTrustBundleAsync(null, default);
        Assert.Null(await Reopen().LoadTrustBundleAsync(default));
    }

    [Fact]
    public async Task Promotion_leaves_the_trust_bundle_alone()
    {
        await EnrolAsync(Reopen());
        await Reopen().SaveTrustBundleAsync("{}"u8.ToArray(), default);
        await RenewAsync(Reopen());

        await Reopen().PromoteNextAsync(default);

        Assert.NotNull(await Reopen().LoadTrustBundleAsync(default));
    }

    [Fact]
    public async Task Promotion_without_a_next_certificate_changes_nothing()
    {
        await EnrolAsync(Reopen());
        var before = await PublicKeyAsync(Reopen());
        await NextPublicKeyAsync(Reopen());

        await Reopen().PromoteNextAsync(default);

        Assert.Equal(before, await PublicKeyAsync(Reopen()));
    }

    [Fact]
    public async Task Discarded_next_pair_leaves_the_one_in_use()
    {
        await EnrolAsync(Reopen());
        var before = await PublicKeyAsync(Reopen());
        var (key, _) = await RenewAsync(Reopen());

        await Reopen().DiscardNextAsync(default);

        Assert.Null(await Reopen().LoadNextAsync(default));
        Assert.Equal(before, await PublicKeyAsync(Reopen()));
        Assert.NotEqual(key, await NextPublicKeyAsync(Reopen()));
    }

    internal static async Task EnrolAsync(IKeyStore store)
    {
        using var key = await store.OpenKeyAsync(default);
        await store.SaveAsync(CertificateFor(key), default);
    }

    internal static async Task<(byte[] Key, byte[] Certificate)> RenewAsync(IKeyStore store)
    {
        using var key = await store.OpenNextKeyAsync(default);
        var renewed = CertificateFor(key);
        await store.SaveNextAsync(renewed, default);
        return (key.ExportSubjectPublicKeyInfo(), renewed.Certificate.ToArray());
    }

    internal static async Task<byte[]> PublicKeyAsync(IKeyStore store)
    {
        using var key = await store.OpenKeyAsync(default);
        return key.ExportSubjectPublicKeyInfo();
    }

    private static async Task<byte[]> NextPublicKeyAsync(IKeyStore store)
    {
        using var key = await store.OpenNextKeyAsync(default);
        return key.ExportSubjectPublicKeyInfo();
    }

    internal static EnrolledCertificate CertificateFor(ECDsa key)
    {
        using var certificate = new CertificateRequest("CN=pump-7", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(1));
        return new EnrolledCertificate(certificate.RawData, [certificate.RawData]);
    }
}

/// <summary>Keys in a PKCS#11 token, made anew by the application for each renewal.</summary>
public sealed class TokenNextSlotTests : NextSlotTests, IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly string[] _labels = [SoftToken.NewLabel("a"), SoftToken.NewLabel("b")];

    public async ValueTask InitializeAsync()
    {
        await SoftToken.RequireAsync();
        await File.WriteAllTextAsync(_folder.File("pin"), SoftToken.Pin + "\n");
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private protected override IKeyStore Reopen() => new HardwareKeyStore(new HardwareKeyOptions
    {
        Folder = _folder.File("device-data"),
        Keys = [.. _labels.Select(label => SoftToken.Uri(label))],
        PinFile = _folder.File("pin"),
        MakeKey = (uri, _) => SoftToken.MakeKeyAsync(_labels.Single(label => uri.Contains(label))),
    });
}

public sealed class MemoryNextSlotTests : NextSlotTests
{
    private readonly MemoryKeyStore _store = new();

    private protected override IKeyStore Reopen() => _store;
}

public sealed class FileNextSlotTests : NextSlotTests, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("next-").FullName;

    private protected override IKeyStore Reopen() => new FileKeyStore(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Promotion is three renames; whatever number of them was done when the power went, key and certificate are of one pair.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public async Task Power_cut_within_a_promotion_leaves_one_whole_pair(int renames, bool promoted)
    {
        await EnrolAsync(Reopen());
        var before = await PublicKeyAsync(Reopen());
        var (key, _) = await RenewAsync(Reopen());
        foreach (var name in new[] { "key.pem", "root.pem", "device.pem" }.Take(renames)) File.Move(Path.Combine(_folder, "next-" + name), Path.Combine(_folder, name), overwrite: true);

        using var certificate = X509CertificateLoader.LoadCertificate((await Reopen().LoadAsync(default))!.Certificate.Span);

        Assert.Equal(promoted ? key : before, await PublicKeyAsync(Reopen()));
        Assert.Equal(await PublicKeyAsync(Reopen()), certificate.PublicKey.ExportSubjectPublicKeyInfo());
    }
}
