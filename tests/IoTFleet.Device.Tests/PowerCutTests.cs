using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>The power goes before and after every file operation of a <see cref="FileKeyStore"/>: the next start must find one whole identity.</summary>
public sealed class PowerCutTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TemporaryFolder _folder = new();

    private string Folder => _folder.File("device-data");

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// One life of a device: enrolled, two bundles, a renewal that was let in, one that was refused, another enrolment. The disk as it is at each operation is a
    /// cut; where a file is not flushed yet, so it is with half of it and with nothing in it.
    /// </summary>
    [Fact]
    public async Task Every_cut_leaves_one_whole_identity_and_no_litter()
    {
        var life = new Life(Folder);
        await life.LiveAsync();

        Assert.True(life.Cuts.Count > 150, $"only {life.Cuts.Count} cuts");
        foreach (var (cut, number) in life.Cuts.Select((cut, number) => (cut, number)))
            await cut.JudgeAsync(_folder.File($"cut-{number}"));
    }

    [Fact]
    public async Task Nothing_is_ever_open_to_others_than_the_owner()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        var modes = new HashSet<(string Place, UnixFileMode Mode)>();

        await new Life(Folder, () =>
        {
            modes.Add(("folder", new DirectoryInfo(Folder).UnixFileMode));
            modes.UnionWith(Directory.GetFiles(Folder).Select(file => ("file", new FileInfo(file).UnixFileMode)));
        }).LiveAsync();

        Assert.Equal([("file", OwnerOnly), ("folder", OwnerOnly | UnixFileMode.UserExecute)], modes.Order());
    }

    /// <summary>The same with the device itself: it starts again with its one token, and all it has ever sent is for one key.</summary>
    [Fact]
    public async Task Enrolment_that_is_cut_anywhere_is_taken_up_again_with_the_same_key()
    {
        using var pki = new TestPki();
        for (var (cut, done) = (1, false); !done; cut++)
        {
            await using var est = await ScriptedEst.StartAsync(pki);
            var (left, folder) = (cut, _folder.File($"enrolment-{cut}"));
            var options = est.NewDevice(Fingerprint.Sha256(pki.Root));
            done = await StartsAsync(options with { KeyStore = new FileKeyStore(folder, CutLater) });

            Assert.True(await StartsAsync(options with { KeyStore = new FileKeyStore(folder) }));
            Assert.Single(est.SigningRequests.Select(KeyOf).Distinct());
            Assert.DoesNotContain(Directory.GetFiles(folder), file => file.EndsWith(".new", StringComparison.Ordinal));

            void CutLater(string step)
            {
                if (--left == 0)
                    throw new PowerCut();
            }
        }
    }

    [Theory]
    [InlineData("create")]
    [InlineData("write")]
    [InlineData("flush")]
    public async Task Full_disk_leaves_the_identity_as_it_was_and_takes_no_room(string operation)
    {
        var full = false;
        var store = new FileKeyStore(Folder, FailWhenFull);
        await NextSlotTests.EnrolAsync(store);
        var before = await NextSlotTests.PublicKeyAsync(store);
        full = true;

        var error = await Assert.ThrowsAsync<DeviceException>(async () => await store.OpenNextKeyAsync(default));

        Assert.Equal(DeviceError.KeyStoreFailed, error.Error);
        Assert.Contains("No space left", error.Message);
        Assert.Equal(["device.pem", "key.pem", "root.pem"], Directory.GetFiles(Folder).Select(Path.GetFileName).Order());
        Assert.Equal(before, await NextSlotTests.PublicKeyAsync(new FileKeyStore(Folder)));
        full = false;
        await NextSlotTests.RenewAsync(store);

        void FailWhenFull(string step)
        {
            if (full && step.StartsWith(operation, StringComparison.Ordinal))
                throw new IOException("No space left on device");
        }
    }

    private static string KeyOf(string request) =>
        SigningRequest.TryParse(Convert.FromBase64String(request), out var parsed, out _) ? Convert.ToHexString(parsed.SubjectPublicKeyInfo.Span) : "unreadable";

    private static async Task<bool> StartsAsync(DeviceOptions options)
    {
        try
        {
            await (await DeviceClient.StartAsync(options).WaitAsync(Devices.Patience)).DisposeAsync();
            return true;
        }
        catch (PowerCut)
        {
            return false;
        }
    }

    /// <summary>No exception that the store knows of: whatever it does about errors, it must not do now.</summary>
    private sealed class PowerCut() : Exception("the power is gone");

    /// <summary>What a step of a life may have changed, so that before, during and after it either is right.</summary>
    private sealed record Truth(string[] Certificates, string?[] Next, string?[] Bundles);

    private sealed class Life
    {
        private readonly string _folder;
        private readonly FileKeyStore _store;
        private Truth _truth = new([""], [null], [null]);

        public Life(string folder, Action? watch = null)
        {
            _folder = folder;
            _store = new FileKeyStore(folder, step =>
            {
                if (Directory.Exists(folder))
                    watch?.Invoke();
                Note(step);
            });
        }

        public List<Cut> Cuts { get; } = [];

        public async Task LiveAsync()
        {
            await EnrolAsync();
            await TakeBundleAsync("{\"version\":1}");
            await RenewAsync();
            await PromoteAsync();
            await TakeBundleAsync("{\"version\":2}");
            await RenewAsync();
            await DiscardAsync();
            await RenewAsync();
            await PromoteAsync();
            await EnrolAsync();
            await TakeBundleAsync(null);
        }

        private async Task EnrolAsync()
        {
            using var key = await _store.OpenKeyAsync(default);
            var enrolled = NextSlotTests.CertificateFor(key);
            await StepAsync(_truth with { Certificates = [Id(enrolled)] }, () => _store.SaveAsync(enrolled, default));
        }

        private async Task RenewAsync()
        {
            using var key = await _store.OpenNextKeyAsync(default);
            var renewed = NextSlotTests.CertificateFor(key);
            await StepAsync(_truth with { Next = [Id(renewed)] }, () => _store.SaveNextAsync(renewed, default));
        }

        private Task PromoteAsync() => StepAsync(_truth with { Certificates = [_truth.Next[0]!], Next = [null] }, () => _store.PromoteNextAsync(default));

        private Task DiscardAsync() => StepAsync(_truth with { Next = [null] }, () => _store.DiscardNextAsync(default));

        private Task TakeBundleAsync(string? bundle) => StepAsync(
            _truth with { Bundles = [bundle] }, () => _store.SaveTrustBundleAsync(bundle is null ? default(ReadOnlyMemory<byte>?) : System.Text.Encoding.UTF8.GetBytes(bundle), default));

        private async Task StepAsync(Truth after, Func<ValueTask> act)
        {
            _truth = new Truth([.. _truth.Certificates, .. after.Certificates], [.. _truth.Next, .. after.Next], [.. _truth.Bundles, .. after.Bundles]);
            Note("before");
            await act();
            _truth = after;
            Note("after");
        }

        private void Note(string step)
        {
            var files = Directory.Exists(_folder) ? Directory.GetFiles(_folder).ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes) : [];
            Cuts.Add(new Cut(step, files, _truth));
            if (!step.StartsWith("write ", StringComparison.Ordinal))
                return;
            var name = Path.GetFileName(step["write ".Length..]);
            foreach (var reached in new[] { 0, files[name].Length / 2 })
                Cuts.Add(new Cut($"{step}, {reached} bytes of it", new(files) { [name] = files[name][..reached] }, _truth));
        }

        private static string Id(EnrolledCertificate enrolled) => PinnedTrust.Fingerprint(enrolled.Certificate.Span);
    }

    private sealed record Cut(string Step, Dictionary<string, byte[]> Files, Truth Truth)
    {
        public async Task JudgeAsync(string folder)
        {
            Directory.CreateDirectory(folder);
            foreach (var (name, content) in Files)
                await File.WriteAllBytesAsync(Path.Combine(folder, name), content);
            var store = new FileKeyStore(folder);

            Assert.Contains(await IdAsync(await store.LoadAsync(default), () => store.OpenKeyAsync(default)) ?? "", Truth.Certificates);
            Assert.Contains(await IdAsync(await store.LoadNextAsync(default), () => store.OpenNextKeyAsync(default)), Truth.Next);
            Assert.Contains(await store.LoadTrustBundleAsync(default) is { } bundle ? System.Text.Encoding.UTF8.GetString(bundle.Span) : null, Truth.Bundles);
            Assert.True(!Directory.GetFiles(folder).Any(file => file.EndsWith(".new", StringComparison.Ordinal)), $"litter after a cut at {Step}");
        }

        /// <summary>The certificate's fingerprint, if there is one: then its key must be beside it.</summary>
        private async Task<string?> IdAsync(EnrolledCertificate? enrolled, Func<ValueTask<System.Security.Cryptography.ECDsa>> open)
        {
            if (enrolled is null)
                return null;
            using var certificate = X509CertificateLoader.LoadCertificate(enrolled.Certificate.Span);
            using var key = await open();
            Assert.True(key.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(certificate.PublicKey.ExportSubjectPublicKeyInfo()), $"key and certificate differ after a cut at {Step}");
            return PinnedTrust.Fingerprint(certificate.RawData);
        }
    }
}
