using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IoTFleet.Device.Identity;

/// <summary>
/// A key store's files: in each of two slots a key, or what names it, with its certificate and roots; and one trust bundle. Durable step by step: after a power cut
/// between any two of them the slot in use is one whole identity.
/// </summary>
/// <param name="folder">Made at the first write.</param>
/// <param name="keyFile">The name of the file that holds the key, or names it.</param>
/// <param name="step">Told after each operation on a file, for tests that stop there.</param>
internal sealed class IdentityFolder(string folder, string keyFile, Action<string>? step)
{
    public const string InUse = "";
    public const string Next = "next-";

    private readonly string _folder = Path.GetFullPath(folder);
    private bool _recovered;

    public string Folder => _folder;

    public string KeyFile(string slot) => Path.Combine(_folder, slot + keyFile);

    public async ValueTask<string?> ReadKeyAsync(string slot, CancellationToken cancellation)
    {
        Recover();
        return await ReadAsync(KeyFile(slot), cancellation);
    }

    public ValueTask WriteKeyAsync(string slot, string text, CancellationToken cancellation) => WriteAsync(KeyFile(slot), text, cancellation);

    public async ValueTask<EnrolledCertificate?> LoadAsync(string slot, CancellationToken cancellation)
    {
        Recover();
        if (await ReadAsync(CertificateFile(slot), cancellation) is not { } certificate)
            return null;

        var root = await ReadAsync(RootFile(slot), cancellation) ?? throw Damaged(RootFile(slot), $"is missing beside {Path.GetFileName(CertificateFile(slot))}", null);
        return new EnrolledCertificate(ParseCertificates(CertificateFile(slot), certificate)[0], ParseCertificates(RootFile(slot), root));
    }

    public async ValueTask SaveAsync(string slot, EnrolledCertificate enrolled, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(enrolled);
        // The certificate last: LoadAsync takes its presence as the sign that all is there.
        await WriteAsync(RootFile(slot), string.Join('\n', enrolled.TrustAnchors.Select(ToPem)), cancellation);
        await WriteAsync(CertificateFile(slot), ToPem(enrolled.Certificate), cancellation);
    }

    public void PromoteNext()
    {
        if (!File.Exists(CertificateFile(Next)))
            return;

        // The key first: a next certificate without a next key is the sign of a promotion that was cut, and says how to go on.
        if (File.Exists(KeyFile(Next)))
            Rename(KeyFile(Next), KeyFile(InUse));
        FinishPromotion();
    }

    public void DiscardNext()
    {
        Recover();
        foreach (var file in new[] { CertificateFile(Next), RootFile(Next), KeyFile(Next) })
            Delete(file);                                      // the certificate first, for the same reason
    }

    public async ValueTask<ReadOnlyMemory<byte>?> LoadTrustBundleAsync(CancellationToken cancellation)
    {
        Recover();
        return await ReadAsync(TrustBundleFile, cancellation) is { } document ? Encoding.UTF8.GetBytes(document) : default(ReadOnlyMemory<byte>?);
    }

    public async ValueTask SaveTrustBundleAsync(ReadOnlyMemory<byte>? document, CancellationToken cancellation)
    {
        if (document is { } given)
            await WriteAsync(TrustBundleFile, Encoding.UTF8.GetString(given.Span), cancellation);
        else
            Delete(TrustBundleFile);
    }

    public static DeviceException Damaged(string file, string how, Exception? inner) =>
        new(DeviceError.KeyStoreFailed, $"{file} {how}. Restore it, or delete the folder and enrol the device again.", inner);

    private string TrustBundleFile => Path.Combine(_folder, "trust-bundle.json");

    private string CertificateFile(string slot) => Path.Combine(_folder, slot + "device.pem");

    private string RootFile(string slot) => Path.Combine(_folder, slot + "root.pem");

    /// <summary>What a power cut has left half done is finished or removed, before anything is read.</summary>
    private void Recover()
    {
        FinishPromotion();
        if (_recovered)
            return;
        _recovered = true;
        foreach (var name in new[] { keyFile, "device.pem", "root.pem" }.SelectMany(name => new[] { name, Next + name }).Append(Path.GetFileName(TrustBundleFile)))
            DeleteTemporary(DurableFile.Temporary(Path.Combine(_folder, name)));
    }

    private void FinishPromotion()
    {
        if (!File.Exists(CertificateFile(Next)) || File.Exists(KeyFile(Next)))
            return;
        if (File.Exists(RootFile(Next)))
            Rename(RootFile(Next), RootFile(InUse));
        Rename(CertificateFile(Next), CertificateFile(InUse));
    }

    private void DeleteTemporary(string file)
    {
        try
        {
            if (File.Exists(file))
                File.Delete(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // On a disk that can only be read: the device starts with what it has.
        }

        step?.Invoke("sweep " + file);
    }

    private static List<ReadOnlyMemory<byte>> ParseCertificates(string file, string pem)
    {
        try
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPem(pem);
            if (found.Count == 0)
                throw Damaged(file, "holds no PEM certificate", null);
            return [.. found.Select(c => c.RawDataMemory)];
        }
        catch (CryptographicException error)
        {
            throw Damaged(file, "is not a PEM certificate", error);
        }
    }

    private static string ToPem(ReadOnlyMemory<byte> der) => PemEncoding.WriteString("CERTIFICATE", der.Span) + "\n";

    private static async Task<string?> ReadAsync(string file, CancellationToken cancellation)
    {
        try
        {
            return await File.ReadAllTextAsync(file, cancellation);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.KeyStoreFailed, $"{file} cannot be read: {error.Message}", error);
        }
    }

    private async ValueTask WriteAsync(string file, string text, CancellationToken cancellation)
    {
        try
        {
            DurableFile.CreatePrivateFolder(_folder);
            step?.Invoke("folder");
            await DurableFile.ReplaceAsync(file, text, step, cancellation);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.KeyStoreFailed, $"{file} cannot be written: {error.Message}", error);
        }
    }

    private void Rename(string from, string to) => Changing(to, () => DurableFile.Rename(from, to, step));

    private void Delete(string file) => Changing(file, () =>
    {
        File.Delete(file);
        step?.Invoke("delete " + file);
    });

    private static void Changing(string file, Action change)
    {
        try
        {
            change();
        }
        catch (DirectoryNotFoundException)
        {
            // Nothing was ever written.
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.KeyStoreFailed, $"{file} cannot be changed: {error.Message}", error);
        }
    }
}
