using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Device.Identity;

/// <summary>By what a device knows its fleet's root before the fleet has said anything: its fingerprint, the root itself, or both.</summary>
internal sealed class RootPin
{
    private readonly string? _fingerprint;

    private RootPin(string? fingerprint, IReadOnlyList<ReadOnlyMemory<byte>> anchors) => (_fingerprint, Anchors) = (fingerprint, anchors);

    /// <summary>Roots that the device was given; none when it has a fingerprint only.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Anchors { get; }

    /// <summary>For messages.</summary>
    public string Description => _fingerprint is null ? "is among the trust anchors of this device" : $"has the pinned fingerprint {_fingerprint}";

    /// <exception cref="DeviceException">The file cannot be read, or holds something else than roots.</exception>
    public static RootPin Load(DeviceOptions options)
    {
        if (options.TrustAnchorFile is not { } file)
            return new RootPin(options.PinnedFingerprint, []);
        try
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPemFile(file);
            if (found.Count == 0 || found.Any(root => !root.SubjectName.RawData.AsSpan().SequenceEqual(root.IssuerName.RawData)))
                throw Unusable(file, "holds no PEM certificate, or one that is no root", null);
            var pin = new RootPin(options.PinnedFingerprint, [.. found.Select(root => root.RawDataMemory)]);
            return pin._fingerprint is null || pin.Anchors.Any(root => PinnedTrust.Fingerprint(root.Span) == pin._fingerprint)
                ? pin
                : throw Unusable(file, $"holds no root with the fingerprint {pin._fingerprint}", null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Unusable(file, $"cannot be read: {error.Message}", error);
        }
    }

    public bool Covers(ReadOnlySpan<byte> root)
    {
        var fingerprint = PinnedTrust.Fingerprint(root);
        return fingerprint == _fingerprint || Anchors.Any(anchor => PinnedTrust.Fingerprint(anchor.Span) == fingerprint);
    }

    private static DeviceException Unusable(string file, string how, Exception? inner) =>
        new(DeviceError.OptionsNotValid, $"{nameof(DeviceOptions)}.{nameof(DeviceOptions.TrustAnchorFile)}: {file} {how}.", inner);
}
