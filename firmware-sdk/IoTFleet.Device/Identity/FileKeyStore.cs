using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Device.Identity;

/// <summary>
/// Keeps the identity as three PEM files that other tools read too: <c>key.pem</c> (PKCS#8), <c>device.pem</c> and <c>root.pem</c>.
/// The folder is open to its owner only (0700), the files too (0600); a power cut at any moment leaves the old file or the new one.
/// </summary>
public sealed class FileKeyStore : IKeyStore
{
    private readonly string _folder;
    private readonly string _keyFile;
    private readonly string _certificateFile;
    private readonly string _rootFile;

    /// <summary>A store in this folder, which is made at the first write.</summary>
    public FileKeyStore(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        _folder = Path.GetFullPath(folder);
        _keyFile = Path.Combine(_folder, "key.pem");
        _certificateFile = Path.Combine(_folder, "device.pem");
        _rootFile = Path.Combine(_folder, "root.pem");
    }

    /// <inheritdoc/>
    public async ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation)
    {
        if (await ReadAsync(_keyFile, cancellation) is { } pem)
            return ParseKey(pem);

        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await WriteAsync(_keyFile, key.ExportPkcs8PrivateKeyPem(), cancellation);
        return key;
    }

    /// <inheritdoc/>
    public async ValueTask<EnrolledCertificate?> LoadAsync(CancellationToken cancellation)
    {
        if (await ReadAsync(_certificateFile, cancellation) is not { } certificate)
            return null;

        var root = await ReadAsync(_rootFile, cancellation) ?? throw Damaged(_rootFile, "is missing beside device.pem", null);
        return new EnrolledCertificate(ParseCertificates(_certificateFile, certificate)[0], ParseCertificates(_rootFile, root));
    }

    /// <inheritdoc/>
    public async ValueTask SaveAsync(EnrolledCertificate enrolled, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(enrolled);
        // The certificate last: LoadAsync takes its presence as the sign that all is there.
        await WriteAsync(_rootFile, string.Join('\n', enrolled.TrustAnchors.Select(ToPem)), cancellation);
        await WriteAsync(_certificateFile, ToPem(enrolled.Certificate), cancellation);
    }

    private ECDsa ParseKey(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.KeySize != 256)
                throw Damaged(_keyFile, $"holds a {key.KeySize}-bit key, not a P-256 one", null);
            return key;
        }
        catch (Exception error) when (error is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw Damaged(_keyFile, "is not a PEM private key", error);
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

    private static DeviceException Damaged(string file, string how, Exception? inner) =>
        new(DeviceError.KeyStoreFailed, $"{file} {how}. Restore it, or delete the folder and enrol the device again.", inner);
}
