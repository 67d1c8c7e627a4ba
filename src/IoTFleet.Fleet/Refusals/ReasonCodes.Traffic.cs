using static IoTFleet.Fleet.Refusals.RefusedAt;

namespace IoTFleet.Fleet.Refusals;

// What those who are in may do: topics, payloads, the protocol and its limits.
public static partial class ReasonCodes
{
    private static IEnumerable<Reason> Messages =>
    [
        Told("publish-not-authorized", Messaging, "The topic is not this client's to publish.", "Use a topic below `devices/<id>/`, or give the service the right."),
        Told("subscribe-not-authorized", Messaging, "The filter is not this client's to subscribe.", "Subscribe below `devices/<id>/`, or give the service the right."),
        Told("payload-refused", Messaging, "The server does not take this payload.", "The detail says what is wrong."),
        Told("payload-format", Connect | Messaging, "The payload says that it is UTF-8 text and is not.", "Correct the payload, or leave the format indicator out."),
        Told("retained-full", Messaging, "No room for another retained message.", "See `Broker:MaxRetainedMessages` and its companions in limits.md."),
        Told("answer-unknown-command", Messaging, "An answer to a command that the device does not have.", "It may have been forgotten; take the id from the command's topic as it is."),
        Told("answer-too-large", Messaging, "An answer with more bytes than are kept.", "See `Commands:MaxAnswerBytes`."),
        Told("answer-unreadable", Messaging, "An answer that is no JSON object with a status.", "Send `{\"status\":200}`, with an integer from 100 to 599, and what else there is to say as `payload`."),
        Told("shared-filter-nested", Messaging, "A shared subscription within a shared subscription.", "Name one group."),
        Told("too-many-subscriptions", Messaging, "One more filter than a session may hold.", "See `Broker:MaxSubscriptionsPerSession`."),
    ];

    private static IEnumerable<Reason> Protocols =>
    [
        Told("malformed-packet", Speaking, "Bytes that are no packet.", "The client is broken or hostile."),
        Told("protocol-error", Speaking, "A packet that the protocol does not allow there.", "The client is broken or hostile."),
        Told("unsupported-protocol-version", Speaking, "Neither MQTT 3.1.1 nor 5.0.", "Use one of them."),
        Told("packet-too-large", Speaking, "A packet above the limit.", "See `Broker:PacketLimits:MaxPacketSize`."),
        Told("packet-quota-exceeded", Speaking, "More of something in one packet than the limits allow.", "See the packet limits in limits.md."),
        Told("message-rate-too-high", Speaking, "More than the client may send in a second.", "Send less, or raise the limit."),
        Told("receive-maximum-exceeded", Speaking, "More unacknowledged messages than the server said it takes.", "The client ignores Receive Maximum."),
        Told("topic-alias-invalid", Speaking, "A topic alias that was never given, or above the maximum.", "The client is broken."),
        Told("topic-name-invalid", Speaking, "No topic name.", "Topics hold no wildcards and no U+0000."),
        Told("topic-filter-invalid", Speaking, "No topic filter.", "A wildcard stands alone in its level, # in the last."),
        Told("slow-client", Speaking, "The client does not read what it is sent.", "Look at its network; see `Broker:SlowClientTimeout`."),
    ];
}
