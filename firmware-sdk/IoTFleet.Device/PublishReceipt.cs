using IoTFleet.Mqtt;

namespace IoTFleet.Device;

/// <summary>The server's word that it has stored a message.</summary>
/// <param name="Sequence">The number the message carried as user property <c>seq</c>: rising per device, the same on a resend.</param>
/// <param name="Reason">The PUBACK's reason code, below 0x80 (MQTT 5.0 section 3.4.2.1); <see cref="ReasonCode.Success"/> with MQTT 3.1.1.</param>
public readonly record struct PublishReceipt(long Sequence, ReasonCode Reason);
