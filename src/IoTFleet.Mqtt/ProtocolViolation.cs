namespace IoTFleet.Mqtt;

/// <summary>
/// The peer broke the protocol or a limit; the connection must end (MQTT 5.0, 4.13). The only exception that reading can raise:
/// a 5.0 peer is told <see cref="Reason"/> in DISCONNECT (or CONNACK), a 3.1.1 peer is just disconnected.
/// </summary>
/// <param name="reason">What to tell the peer.</param>
/// <param name="detail">What was wrong, for the log; holds no payload and no credentials.</param>
public sealed class ProtocolViolation(ReasonCode reason, string detail) : Exception(detail)
{
    /// <summary>The reason code for the peer; always a failure.</summary>
    public ReasonCode Reason { get; } = reason;
}
