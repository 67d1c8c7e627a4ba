using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Connections;

// SUBSCRIBE, UNSUBSCRIBE and the retained messages a new subscription is owed.
internal sealed partial class MqttConnection
{
    private async ValueTask OnSubscribeAsync(SubscribePacket subscribe)
    {
        await RoomForAnswerAsync();
        var identifier = subscribe.Properties.SubscriptionIdentifiers is [var id, ..] ? id : (uint?)null;
        var reasons = new ReasonCode[subscribe.Subscriptions.Count];
        var unit = new StoreUnit();
        List<Subscription> retainedDue = [];
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Subscribe(new Subscription(_session!, subscribe.Subscriptions[i], identifier), unit, retainedDue);
        }

        foreach (var subscription in retainedDue) AddRetained(subscription, unit);       // stored together: after SUBACK nothing it is owed can be lost
        unit.AppendTo(_parts.Store);
        _acks!.Answer(new SubAckPacket { PacketId = subscribe.PacketId, Reasons = reasons }, unit.Stored, unit);     // one code for each filter, in order [MQTT-3.9.3-1]
    }

    private ReasonCode Subscribe(Subscription subscription, StoreUnit unit, List<Subscription> retainedDue)
    {
        var filter = subscription.Request.Filter;
        if (filter.ShareName is not null) return RefuseFilter(filter, ReasonCode.SharedSubscriptionsNotSupported, "shared-subscription");
        if (!_parts.Access.MaySubscribe(_principal!, filter)) return RefuseFilter(filter, ReasonCode.NotAuthorized, "subscribe-not-authorized");
        if (!_session!.TryAdd(subscription, out var isNew)) return RefuseFilter(filter, ReasonCode.QuotaExceeded, "too-many-subscriptions");

        if (_session.IsDurable) unit.Add(new StoreChange.SubscriptionSet(_session.Number, subscription.Request, subscription.Identifier));
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

    private void AddRetained(Subscription subscription, StoreUnit unit)
    {
        foreach (var message in _parts.Retained.Matching(subscription.Request.Filter))
        {
            if (subscription.Request.NoLocal && message.Publisher == _session!.ClientId) continue;                                          // [MQTT-3.8.3-3]
            var qos = Router.Lower(message.Qos, subscription.Request.MaximumQos);
            unit.Add(_session!, message, new Delivery(qos, Retain: true, subscription.Identifier is { } id ? [id] : []));     // [MQTT-3.3.1-8]
        }
    }

    private async ValueTask OnUnsubscribeAsync(UnsubscribePacket unsubscribe)
    {
        await RoomForAnswerAsync();
        var reasons = new ReasonCode[unsubscribe.Filters.Count];
        var unit = new StoreUnit();
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Unsubscribe(unsubscribe.Filters[i], unit) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
        }

        unit.AppendTo(_parts.Store);
        _acks!.Answer(new UnsubAckPacket { PacketId = unsubscribe.PacketId, Reasons = reasons }, unit.Stored);
    }

    private bool Unsubscribe(TopicFilter filter, StoreUnit unit)
    {
        if (_session!.IsDurable) unit.Add(new StoreChange.SubscriptionRemoved(_session.Number, filter));     // known or not: an earlier removal may not have reached the store
        if (!_session.TryRemove(filter)) return false;
        _parts.Tree.Remove(filter, _session);
        return true;
    }
}
