namespace IoTFleet.Fleet.Certificates;

/// <summary>What a certificate may be refused by. Of a claim certificate or a service's, the device id is empty.</summary>
/// <param name="DeviceId">The device it was issued to; empty for certificates of others.</param>
/// <param name="Serial">Lower-case hex.</param>
/// <param name="IssuerId">The authority's id, lower-case hex; empty when it is not known.</param>
/// <param name="KeyFingerprint">SHA-256 of the SubjectPublicKeyInfo, lower-case hex.</param>
/// <param name="BatchId">The claim batch it came by, if it came by one.</param>
public readonly record struct CertificateFacts(string DeviceId, string Serial, string IssuerId, string KeyFingerprint, string? BatchId = null);

/// <summary>What of a certificate is refused.</summary>
public enum Block { None, Device, Certificate, Key, Batch, Authority }
