namespace IoTFleet.Device;

/// <summary>A command that an operator or a backend application sent to this device.</summary>
/// <param name="Name">What follows <c>devices/{id}/commands/</c> in the topic, for example <c>reboot</c>.</param>
/// <param name="Payload">The bytes as sent; by convention a UTF-8 JSON value.</param>
/// <param name="ReceivedAt">When it reached the device.</param>
public sealed record DeviceCommand(string Name, ReadOnlyMemory<byte> Payload, DateTimeOffset ReceivedAt);
