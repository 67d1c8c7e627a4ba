using System.Security.Cryptography;

namespace IoTFleet.Device.Identity;

/// <summary>
/// Keys that never leave their hardware: a PKCS#11 token (smart card, security module, secure element, or a TPM 2.0 through tpm2-pkcs11), or a TPM through OpenSSL's
/// provider. Linux only; docs/device-keys.md has the commands. Certificates, roots and the trust bundle are files in a folder beside, and <c>key.uri</c> there says
/// which of the keys is in use; they are written as <see cref="FileKeyStore"/> writes them.
/// </summary>
public sealed class HardwareKeyStore : IKeyStore
{
    private readonly HardwareKeyOptions _options;
    private readonly IdentityFolder _files;
    private readonly string? _pin;

    /// <summary>A store over these keys. Nothing is opened yet.</summary>
    /// <exception cref="DeviceException">An option is missing or wrong, or the file with the PIN cannot be read.</exception>
    public HardwareKeyStore(HardwareKeyOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (_options, _files, _pin) = (options, new IdentityFolder(options.Folder, "key.uri", step: null), DevicePin.Find(options.PinFile));
    }

    /// <summary>Where the files beside the keys are.</summary>
    internal string Folder => _files.Folder;

    /// <inheritdoc/>
    public async ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation) => Open(await NameAsync(IdentityFolder.InUse, _options.Keys[0], cancellation));

    /// <inheritdoc/>
    public ValueTask<EnrolledCertificate?> LoadAsync(CancellationToken cancellation) => _files.LoadAsync(IdentityFolder.InUse, cancellation);

    /// <inheritdoc/>
    public ValueTask SaveAsync(EnrolledCertificate enrolled, CancellationToken cancellation) => _files.SaveAsync(IdentityFolder.InUse, enrolled, cancellation);

    /// <inheritdoc/>
    public async ValueTask<ECDsa> OpenNextKeyAsync(CancellationToken cancellation)
    {
        var inUse = await NameAsync(IdentityFolder.InUse, _options.Keys[0], cancellation);
        return Open(await NameAsync(IdentityFolder.Next, _options.Keys.FirstOrDefault(key => key != inUse) ?? inUse, cancellation));
    }

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

    private ECDsa Open(string key) => HardwareKey.OpenEcdsa(key, _pin);

    /// <summary>Which key a slot has; the first call decides, and makes it where the application can. A cut between the two only makes it again.</summary>
    private async ValueTask<string> NameAsync(string slot, string candidate, CancellationToken cancellation)
    {
        if (await _files.ReadKeyAsync(slot, cancellation) is { } kept)
            return HardwareKey.FindProblem(kept.Trim()) is null ? kept.Trim() : throw IdentityFolder.Damaged(_files.KeyFile(slot), "does not name a key", null);
        if (_options.MakeKey is { } make)
            await make(candidate, cancellation);
        Open(candidate).Dispose();                             // before it is written down: a key that is missing can still be made, or another named
        await _files.WriteKeyAsync(slot, candidate + "\n", cancellation);
        return candidate;
    }
}

/// <summary>Which keys a <see cref="HardwareKeyStore"/> has, and what opens them.</summary>
public sealed record HardwareKeyOptions
{
    /// <summary>Where certificates, roots and the trust bundle are kept; made when missing.</summary>
    public required string Folder { get; init; }

    /// <summary>
    /// One or two private keys, ECDSA P-256: <c>pkcs11:token=iot;object=device-a;type=private</c> (RFC 7512, without a PIN; the token's library in the process's environment,
    /// <c>PKCS11_MODULE_PATH</c>) or <c>handle:0x81000001</c> (a TPM's persistent key through tpm2-openssl, which cannot do TLS everywhere). Renewals change from one to the
    /// other; with a single key they keep it. The server's group says how often a key may come again (<c>--key-reuse</c>), unless <see cref="MakeKey"/> makes new ones.
    /// </summary>
    public required IReadOnlyList<string> Keys { get; init; }

    /// <summary>A file with the token's PIN; null: the environment's <c>IOTFLEET_DEVICE_PIN</c>, else the systemd credential <c>device-pin</c>, else none.</summary>
    public string? PinFile { get; init; }

    /// <summary>
    /// Makes a new key pair in the hardware under one of the names in <see cref="Keys"/>, in the place of one that may be there: called before an enrolment and before each
    /// renewal, never for the key in use. Null: the keys were made beforehand and are used again.
    /// </summary>
    public Func<string, CancellationToken, Task>? MakeKey { get; init; }

    internal void Validate()
    {
        DeviceOptions.Require(!string.IsNullOrWhiteSpace(Folder), nameof(Folder), "must name a folder");
        DeviceOptions.Require(Keys is { Count: 1 or 2 } && Keys.Distinct().Count() == Keys.Count, nameof(Keys), "must be one key or two different ones");
        foreach (var key in Keys)
            DeviceOptions.Require(HardwareKey.FindProblem(key) is null, nameof(Keys), HardwareKey.FindProblem(key)!);
        DeviceOptions.Require(MakeKey is null || Keys.Count == 2, nameof(MakeKey), "needs two keys: the one in use stays while the other is made");
    }
}
