using System.Security.Cryptography;

namespace IoTFleet.Device.Identity;

/// <summary>
/// Where a device keeps its private key and its certificate. The key is made inside the store and is only ever used through
/// the returned object, so that a store over a security chip need not be able to export it.
/// <para>
/// There is room for two: the identity in use, and the next one while a renewal is under way. The old one is given up by
/// <see cref="PromoteNextAsync"/> only after the server has let the new one in, so that a power cut at any moment leaves one that works.
/// </para>
/// </summary>
public interface IKeyStore
{
    /// <summary>The device's private key (ECDSA P-256), made at the first call and the same ever after. The caller disposes the object.</summary>
    /// <exception cref="DeviceException">The store cannot be read or written, or the key is damaged.</exception>
    ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation);

    /// <summary>What the last enrolment left, or null when the device has never been enrolled.</summary>
    /// <exception cref="DeviceException">The store cannot be read or holds something damaged.</exception>
    ValueTask<EnrolledCertificate?> LoadAsync(CancellationToken cancellation);

    /// <summary>Keeps the outcome of an enrolment in the place of an older one; durable when the task completes.</summary>
    /// <exception cref="DeviceException">The store cannot be written.</exception>
    ValueTask SaveAsync(EnrolledCertificate enrolled, CancellationToken cancellation);

    /// <summary>The key to renew with, made at the first call and the same until it is promoted or discarded. The caller disposes the object.</summary>
    /// <exception cref="DeviceException">The store cannot be read or written, or the key is damaged.</exception>
    ValueTask<ECDsa> OpenNextKeyAsync(CancellationToken cancellation);

    /// <summary>The renewed certificate that has not been let in yet, or null when there is none.</summary>
    /// <exception cref="DeviceException">The store cannot be read or holds something damaged.</exception>
    ValueTask<EnrolledCertificate?> LoadNextAsync(CancellationToken cancellation);

    /// <summary>Keeps a renewed certificate for the next key, beside the identity in use; durable when the task completes.</summary>
    /// <exception cref="DeviceException">The store cannot be written.</exception>
    ValueTask SaveNextAsync(EnrolledCertificate enrolled, CancellationToken cancellation);

    /// <summary>
    /// Puts the next key and certificate in the place of those in use, which are gone then. A power cut on the way leaves the one pair or
    /// the other; without a next certificate it does nothing.
    /// </summary>
    /// <exception cref="DeviceException">The store cannot be written.</exception>
    ValueTask PromoteNextAsync(CancellationToken cancellation);

    /// <summary>Forgets the next key and certificate.</summary>
    /// <exception cref="DeviceException">The store cannot be written.</exception>
    ValueTask DiscardNextAsync(CancellationToken cancellation);

    /// <summary>The trust bundle that was kept last, byte for byte, or null when there is none.</summary>
    /// <exception cref="DeviceException">The store cannot be read.</exception>
    ValueTask<ReadOnlyMemory<byte>?> LoadTrustBundleAsync(CancellationToken cancellation);

    /// <summary>
    /// Keeps the fleet's trust bundle, which the caller has verified, in the place of an older one; null forgets it. Durable when the task completes; a power cut
    /// on the way leaves the old one or the new one.
    /// </summary>
    /// <exception cref="DeviceException">The store cannot be written.</exception>
    ValueTask SaveTrustBundleAsync(ReadOnlyMemory<byte>? document, CancellationToken cancellation);
}

/// <summary>What an enrolment leaves on a device.</summary>
/// <param name="Certificate">The device's certificate, DER.</param>
/// <param name="TrustAnchors">The fleet's root certificates at the enrolment, DER each; at least one. Servers are checked against them until there is a trust bundle.</param>
public sealed record EnrolledCertificate(ReadOnlyMemory<byte> Certificate, IReadOnlyList<ReadOnlyMemory<byte>> TrustAnchors);
