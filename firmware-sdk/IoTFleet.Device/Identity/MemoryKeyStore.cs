using System.Security.Cryptography;

namespace IoTFleet.Device.Identity;

/// <summary>Keeps the key for as long as the process lives: for tests, simulators and devices that enrol at each start.</summary>
public sealed class MemoryKeyStore : IKeyStore
{
    private readonly Lock _gate = new();
    private byte[]? _key;
    private EnrolledCertificate? _enrolled;
    private byte[]? _nextKey;
    private EnrolledCertificate? _next;
    private byte[]? _trustBundle;

    /// <inheritdoc/>
    public ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation)
    {
        lock (_gate)
            return ValueTask.FromResult(Open(_key ??= Make()));
    }

    /// <inheritdoc/>
    public ValueTask<EnrolledCertificate?> LoadAsync(CancellationToken cancellation)
    {
        lock (_gate)
            return ValueTask.FromResult(_enrolled);
    }

    /// <inheritdoc/>
    public ValueTask SaveAsync(EnrolledCertificate enrolled, CancellationToken cancellation)
    {
        lock (_gate)
            _enrolled = enrolled;
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<ECDsa> OpenNextKeyAsync(CancellationToken cancellation)
    {
        lock (_gate)
            return ValueTask.FromResult(Open(_nextKey ??= Make()));
    }

    /// <inheritdoc/>
    public ValueTask<EnrolledCertificate?> LoadNextAsync(CancellationToken cancellation)
    {
        lock (_gate)
            return ValueTask.FromResult(_next);
    }

    /// <inheritdoc/>
    public ValueTask SaveNextAsync(EnrolledCertificate enrolled, CancellationToken cancellation)
    {
        lock (_gate)
            _next = enrolled;
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask PromoteNextAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_next is not null)
                (_key, _enrolled, _nextKey, _next) = (_nextKey, _next, null, null);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DiscardNextAsync(CancellationToken cancellation)
    {
        lock (_gate)
            (_nextKey, _next) = (null, null);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> LoadTrustBundleAsync(CancellationToken cancellation)
    {
        lock (_gate)
            return ValueTask.FromResult(_trustBundle is { } kept ? kept : default(ReadOnlyMemory<byte>?));
    }

    /// <inheritdoc/>
    public ValueTask SaveTrustBundleAsync(ReadOnlyMemory<byte>? document, CancellationToken cancellation)
    {
        lock (_gate)
            _trustBundle = document?.ToArray();
        return ValueTask.CompletedTask;
    }

    private static byte[] Make()
    {
        using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return made.ExportPkcs8PrivateKey();
    }

    private static ECDsa Open(byte[] key)
    {
        var opened = ECDsa.Create();
        opened.ImportPkcs8PrivateKey(key, out _);
        return opened;
    }
}
