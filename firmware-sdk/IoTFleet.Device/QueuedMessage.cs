namespace IoTFleet.Device;

/// <summary>A message that the outbox holds and will send.</summary>
/// <param name="Sequence">The number it carries as user property <c>seq</c>: rising per device, the same on a resend.</param>
/// <param name="Stored">
/// Completes when the server has stored the message; faults with <see cref="DeviceException"/> when the server refused it, when it was dropped, or when the client
/// was disposed before. Need not be awaited.
/// </param>
public sealed record QueuedMessage(long Sequence, Task<PublishReceipt> Stored);
