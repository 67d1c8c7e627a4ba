using IoTFleet.Broker.Connections;
using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Routing;

/// <summary>Where published messages are made durable before they are acknowledged.</summary>
public interface IMessageSink
{
    /// <summary>
    /// Waits only for room, which slows the publisher's socket; the durability itself is <see cref="Acceptance.Commit"/>.
    /// A message the sink has no interest in is accepted with a completed commit. An exception counts as a commit that failed.
    /// </summary>
    /// <param name="cancellationToken">The publisher's connection closes: the wait must end at once, because its next connection waits for that.</param>
    ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken);
}

/// <summary>
/// The sink's answer. A <see cref="Reason"/> of 0x80 and above refuses the message for good. Otherwise <see cref="Commit"/> completes
/// when the message is durable, or fails when it could not be stored: then it is not acknowledged and the publisher has to send it again.
/// </summary>
/// <param name="Reason">MQTT's reason code.</param>
/// <param name="Commit">See above.</param>
/// <param name="Detail">A refusal's reason in words, for people.</param>
/// <param name="Cause">A refusal's reason as it is counted and logged; null for <c>payload-refused</c>.</param>
public readonly record struct Acceptance(ReasonCode Reason, Task Commit, string? Detail = null, string? Cause = null)
{
    public static readonly Acceptance Done = new(ReasonCode.Success, Task.CompletedTask);

    public bool IsRefused => Reason >= ReasonCode.UnspecifiedError;

    public static Acceptance Refused(ReasonCode reason, string detail, string? cause = null) => new(reason, Task.CompletedTask, detail, cause);
}
