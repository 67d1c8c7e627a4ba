using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Connections;

// SUBSCRIBE, UNSUBSCRIBE and the retained messages a new subscription is owed.
internal sealed partial class MqttConnection
{
    private void OnSubscribe(SubscribePacket subscribe)
    {
        var identifier = subscribe.Properties.SubscriptionIdentifiers is [var id, ..] ? id : (uint?)null;
        var reasons = new ReasonCode[subscribe.Subscriptions.Count];
        List<Subscription> retainedDue = [];
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Subscribe(new Subscription(_session!, subscribe.Subscriptions[i], identifier), retainedDue);
        }

        _outbox.Send(new SubAckPacket { PacketId = subscribe.PacketId, Reasons = reasons });     // one code for each filter, in order [MQTT-3.9.3-1]
        foreach (var subscription in retainedDue) SendRetained(subscription);
    }

    private ReasonCode Subscribe(Subscription subscription, List<Subscription> retainedDue)
    {
        var filter = subscription.Request.Filter;
        if (filter.ShareName is not null) return RefuseFilter(filter, ReasonCode.SharedSubscriptionsNotSupported, "shared-subscription");
        if (!_parts.Access.MaySubscribe(_principal!, filter)) return RefuseFilter(filter, ReasonCode.NotAuthorized, "subscribe-not-authorized");
        if (!_session!.TryAdd(subscription, out var isNew)) return RefuseFilter(filter, ReasonCode.QuotaExceeded, "too-many-subscriptions");

        _parts.Tree.Add(subscription);
        if (WantsRetained(subscription.Request.RetainHandling, isNew)) retainedDue.Add(subscription);
        return (ReasonCode)subscription.Request.MaximumQos;
    }

    private ReasonCode RefuseFilter(TopicFilter filter, ReasonCode code, string reason)
    {
        Refuse(RefusalDoor.Subscribe, reason, $"Filter {filter.Value} is not this client's to subscribe.");
        return code;
    }

    private static bool WantsRetained(RetainHandling handling, bool isNew) => handling switch     // MQTT 5 3.8.3.1
    {
        RetainHandling.Send => true,
        RetainHandling.SendIfNew => isNew,
        _ => false,
    };

    private void SendRetained(Subscription subscription)
    {
        foreach (var message in _parts.Retained.Matching(subscription.Request.Filter))
        {
            var qos = Router.Lower(message.Qos, subscription.Request.MaximumQos);
            _session!.Deliver(message, new Delivery(qos, Retain: true, subscription.Identifier is { } id ? [id] : []));     // [MQTT-3.3.1-8]
        }
    }

    private void OnUnsubscribe(UnsubscribePacket unsubscribe)
    {
        var reasons = new ReasonCode[unsubscribe.Filters.Count];
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Unsubscribe(unsubscribe.Filters[i]) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
        }

        _outbox.Send(new UnsubAckPacket { PacketId = unsubscribe.PacketId, Reasons = reasons });
    }

    private bool Unsubscribe(TopicFilter filter)
    {
        if (!_session!.TryRemove(filter)) return false;
        _parts.Tree.Remove(filter, _session);
        return true;
    }
}
