namespace IoTFleet.Simulator;

/// <summary>One message a device is to send.</summary>
/// <param name="Body">A JSON object, UTF-8.</param>
/// <param name="Due">When to send it, counted from the start of the stream; null as soon as the window has room.</param>
/// <param name="Time">The <c>ts</c> inside the body, when there is one: the server files the message under it.</param>
internal readonly record struct Measurement(ReadOnlyMemory<byte> Body, TimeSpan? Due, DateTimeOffset? Time);
