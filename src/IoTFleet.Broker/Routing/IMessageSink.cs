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

    /// <summary>Whether the message is taken is found out where it is stored; null says that it is, and is durable. What fails is as a commit that failed.</summary>
    public static Acceptance Judged(Task<LateRefusal?> verdict) => new(ReasonCode.Success, verdict);

    /// <summary>Of a commit that has succeeded.</summary>
    internal static LateRefusal? VerdictOf(Task commit) => (commit as Task<LateRefusal?>)?.Result;
}

/// <summary>
/// A message refused after a look into the store: it is acknowledged with the reason in its turn, also at MQTT 3.1.1, which has no word for it, and goes to
/// nobody. It is the message that is wrong, and sending it again would not mend it.
/// </summary>
/// <param name="Reason">MQTT's reason code, 0x80 and above.</param>
/// <param name="Cause">As it is counted and logged.</param>
/// <param name="Detail">In words, for people.</param>
public sealed record LateRefusal(ReasonCode Reason, string Cause, string Detail);
