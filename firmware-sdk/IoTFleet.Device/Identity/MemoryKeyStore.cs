using System.Security.Cryptography;

namespace IoTFleet.Device.Identity;

/// <summary>Keeps the key for as long as the process lives: for tests, simulators and devices that enrol at each start.</summary>
public sealed class MemoryKeyStore : IKeyStore
{
    private readonly Lock _gate = new();
    private byte[]? _key;
    private EnrolledCertificate? _enrolled;

    /// <inheritdoc/>
    public ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_key is null)
            {
                using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                _key = made.ExportPkcs8PrivateKey();
            }

            var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(_key, out _);
            return ValueTask.FromResult(key);
        }
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
}
