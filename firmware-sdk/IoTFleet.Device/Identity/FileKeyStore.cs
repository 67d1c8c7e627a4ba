using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IoTFleet.Device.Identity;

/// <summary>
/// Keeps the identity as three PEM files that other tools read too: <c>key.pem</c> (PKCS#8), <c>device.pem</c> and <c>root.pem</c>, and the
/// next one, while a renewal is under way, as three of those with <c>next-</c> before them; the fleet's trust bundle as <c>trust-bundle.json</c>.
/// The folder is open to its owner only (0700), the files too (0600); a power cut at any moment leaves the old file or the new one.
/// </summary>
public sealed class FileKeyStore : IKeyStore
{
    private const string Next = "next-";

    private readonly string _folder;

    /// <summary>A store in this folder, which is made at the first write.</summary>
    public FileKeyStore(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        _folder = Path.GetFullPath(folder);
    }

    /// <summary>Where it is.</summary>
    internal string Folder => _folder;

    /// <inheritdoc/>
    public ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation)
    {
        FinishPromotion();
        return OpenKeyAsync("", cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<EnrolledCertificate?> LoadAsync(CancellationToken cancellation)
    {
        FinishPromotion();
        return LoadAsync("", cancellation);
    }

    /// <inheritdoc/>
    public ValueTask SaveAsync(EnrolledCertificate enrolled, CancellationToken cancellation) => SaveAsync("", enrolled, cancellation);

    /// <inheritdoc/>
    public ValueTask<ECDsa> OpenNextKeyAsync(CancellationToken cancellation)
    {
        FinishPromotion();
        return OpenKeyAsync(Next, cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<EnrolledCertificate?> LoadNextAsync(CancellationToken cancellation)
    {
        FinishPromotion();
        return LoadAsync(Next, cancellation);
    }

    /// <inheritdoc/>
    public ValueTask SaveNextAsync(EnrolledCertificate enrolled, CancellationToken cancellation) => SaveAsync(Next, enrolled, cancellation);

    /// <inheritdoc/>
    public ValueTask PromoteNextAsync(CancellationToken cancellation)
    {
        if (!File.Exists(CertificateFile(Next)))
            return ValueTask.CompletedTask;

        // The key first: a next certificate without a next key is the sign of a promotion that was cut, and says how to go on.
        Rename(KeyFile(Next), KeyFile(""));
        FinishPromotion();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DiscardNextAsync(CancellationToken cancellation)
    {
        FinishPromotion();
        foreach (var file in new[] { CertificateFile(Next), RootFile(Next), KeyFile(Next) })
            Changing(file, () => File.Delete(file));         // the certificate first, for the same reason
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>?> LoadTrustBundleAsync(CancellationToken cancellation) =>
        await ReadAsync(TrustBundleFile, cancellation) is { } document ? Encoding.UTF8.GetBytes(document) : default(ReadOnlyMemory<byte>?);

    /// <inheritdoc/>
    public async ValueTask SaveTrustBundleAsync(ReadOnlyMemory<byte>? document, CancellationToken cancellation)
    {
        if (document is { } given)
            await WriteAsync(TrustBundleFile, Encoding.UTF8.GetString(given.Span), cancellation);
        else
            Changing(TrustBundleFile, () => File.Delete(TrustBundleFile));
    }

    private string TrustBundleFile => Path.Combine(_folder, "trust-bundle.json");

    private string KeyFile(string slot) => Path.Combine(_folder, slot + "key.pem");

    private string CertificateFile(string slot) => Path.Combine(_folder, slot + "device.pem");

    private string RootFile(string slot) => Path.Combine(_folder, slot + "root.pem");

    private void FinishPromotion()
    {
        if (!File.Exists(CertificateFile(Next)) || File.Exists(KeyFile(Next)))
            return;
        if (File.Exists(RootFile(Next)))
            Rename(RootFile(Next), RootFile(""));
        Rename(CertificateFile(Next), CertificateFile(""));
    }

    private async ValueTask<ECDsa> OpenKeyAsync(string slot, CancellationToken cancellation)
    {
        if (await ReadAsync(KeyFile(slot), cancellation) is { } pem)
            return ParseKey(KeyFile(slot), pem);

        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await WriteAsync(KeyFile(slot), key.ExportPkcs8PrivateKeyPem(), cancellation);
        return key;
    }

    private async ValueTask<EnrolledCertificate?> LoadAsync(string slot, CancellationToken cancellation)
    {
        if (await ReadAsync(CertificateFile(slot), cancellation) is not { } certificate)
            return null;

        var root = await ReadAsync(RootFile(slot), cancellation) ?? throw Damaged(RootFile(slot), $"is missing beside {Path.GetFileName(CertificateFile(slot))}", null);
        return new EnrolledCertificate(ParseCertificates(CertificateFile(slot), certificate)[0], ParseCertificates(RootFile(slot), root));
    }

    private async ValueTask SaveAsync(string slot, EnrolledCertificate enrolled, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(enrolled);
        // The certificate last: LoadAsync takes its presence as the sign that all is there.
        await WriteAsync(RootFile(slot), string.Join('\n', enrolled.TrustAnchors.Select(ToPem)), cancellation);
        await WriteAsync(CertificateFile(slot), ToPem(enrolled.Certificate), cancellation);
    }

    private static ECDsa ParseKey(string file, string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.KeySize != 256)
                throw Damaged(file, $"holds a {key.KeySize}-bit key, not a P-256 one", null);
            return key;
        }
        catch (Exception error) when (error is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw Damaged(file, "is not a PEM private key", error);
        }
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

    private async Task WriteAsync(string file, string text, CancellationToken cancellation)
    {
        try
        {
            DurableFile.CreatePrivateFolder(_folder);
            await DurableFile.ReplaceAsync(file, text, cancellation);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.KeyStoreFailed, $"{file} cannot be written: {error.Message}", error);
        }
    }

    private static void Rename(string from, string to) => Changing(to, () => DurableFile.Rename(from, to));

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

    private static DeviceException Damaged(string file, string how, Exception? inner) =>
        new(DeviceError.KeyStoreFailed, $"{file} {how}. Restore it, or delete the folder and enrol the device again.", inner);
}
