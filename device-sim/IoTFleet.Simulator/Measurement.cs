namespace IoTFleet.Simulator;

/// <summary>One message a device is to send.</summary>
/// <param name="Body">A JSON object, UTF-8.</param>
/// <param name="Due">When to send it, counted from the start of the stream; null as soon as the window has room.</param>
/// <param name="Time">The <c>ts</c> inside the body, when there is one: the server files the message under it.</param>
internal readonly record struct Measurement(ReadOnlyMemory<byte> Body, TimeSpan? Due, DateTimeOffset? Time);

/// <summary>When a device sends: at a fixed rate, whatever becomes of the messages.</summary>
/// <param name="Rate">Messages a second.</param>
/// <param name="Phase">Where in a period the device starts, 0 to 1: devices spread over it make an even load.</param>
internal readonly record struct Schedule(double Rate, double Phase)
{
    public TimeSpan DueOf(long number) => TimeSpan.FromSeconds((number + Phase) / Rate);
}
