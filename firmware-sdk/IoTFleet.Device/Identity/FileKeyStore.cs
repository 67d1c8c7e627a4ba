using System.Security.Cryptography;

namespace IoTFleet.Device.Identity;

/// <summary>
/// Keeps the identity as three PEM files that other tools read too: <c>key.pem</c> (PKCS#8), <c>device.pem</c> and <c>root.pem</c>, and the
/// next one, while a renewal is under way, as three of those with <c>next-</c> before them; the fleet's trust bundle as <c>trust-bundle.json</c>.
/// The folder is open to its owner only (0700), the files too (0600); a power cut at any moment leaves the old file or the new one.
/// </summary>
public sealed class FileKeyStore : IKeyStore
{
    private readonly IdentityFolder _files;

    /// <summary>A store in this folder, which is made at the first write.</summary>
    public FileKeyStore(string folder)
        : this(folder, step: null)
    {
    }

    internal FileKeyStore(string folder, Action<string>? step)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        _files = new IdentityFolder(folder, "key.pem", step);
    }

    /// <summary>Where it is.</summary>
    internal string Folder => _files.Folder;

    /// <inheritdoc/>
    public ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation) => OpenKeyAsync(IdentityFolder.InUse, cancellation);

    /// <inheritdoc/>
    public ValueTask<EnrolledCertificate?> LoadAsync(CancellationToken cancellation) => _files.LoadAsync(IdentityFolder.InUse, cancellation);

    /// <inheritdoc/>
    public ValueTask SaveAsync(EnrolledCertificate enrolled, CancellationToken cancellation) => _files.SaveAsync(IdentityFolder.InUse, enrolled, cancellation);

    /// <inheritdoc/>
    public ValueTask<ECDsa> OpenNextKeyAsync(CancellationToken cancellation) => OpenKeyAsync(IdentityFolder.Next, cancellation);

    /// <inheritdoc/>
    public ValueTask<EnrolledCertificate?> LoadNextAsync(CancellationToken cancellation) => _files.LoadAsync(IdentityFolder.Next, cancellation);

    /// <inheritdoc/>
    public ValueTask SaveNextAsync(EnrolledCertificate enrolled, CancellationToken cancellation) => _files.SaveAsync(IdentityFolder.Next, enrolled, cancellation);

    /// <inheritdoc/>
    public ValueTask PromoteNextAsync(CancellationToken cancellation)
    {
        _files.PromoteNext();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DiscardNextAsync(CancellationToken cancellation)
    {
        _files.DiscardNext();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> LoadTrustBundleAsync(CancellationToken cancellation) => _files.LoadTrustBundleAsync(cancellation);

    /// <inheritdoc/>
    public ValueTask SaveTrustBundleAsync(ReadOnlyMemory<byte>? document, CancellationToken cancellation) => _files.SaveTrustBundleAsync(document, cancellation);

    private async ValueTask<ECDsa> OpenKeyAsync(string slot, CancellationToken cancellation)
    {
        if (await _files.ReadKeyAsync(slot, cancellation) is { } pem)
            return ParseKey(_files.KeyFile(slot), pem);

        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        try
        {
            await _files.WriteKeyAsync(slot, key.ExportPkcs8PrivateKeyPem(), cancellation);
            return key;
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static ECDsa ParseKey(string file, string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.KeySize != 256)
                throw IdentityFolder.Damaged(file, $"holds a {key.KeySize}-bit key, not a P-256 one", null);
            return key;
        }
        catch (Exception error) when (error is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw IdentityFolder.Damaged(file, "is not a PEM private key", error);
        }
    }
}
