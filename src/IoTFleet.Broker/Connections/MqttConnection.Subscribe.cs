using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Connections;

// SUBSCRIBE, UNSUBSCRIBE and the retained messages a new subscription is owed.
internal sealed partial class MqttConnection
{
    private int _paying;

    private async ValueTask OnSubscribeAsync(SubscribePacket subscribe)
    {
        await RoomForAnswerAsync();
        var identifier = subscribe.Properties.SubscriptionIdentifiers is [var id, ..] ? id : (uint?)null;
        var reasons = new ReasonCode[subscribe.Subscriptions.Count];
        RequireFits(new SubAckPacket { PacketId = subscribe.PacketId, Reasons = reasons });
        string? problem = null;
        var unit = new StoreUnit();     // the subscriptions and what they are owed at once: after SUBACK none of it can be lost
        _session!.Hold();               // SUBACK first, then the retained messages, then what is published from now on
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Subscribe(new Subscription(_session, subscribe.Subscriptions[i], identifier), unit, ref problem);
        }

        var properties = problem is null ? PropertyBlock.None : Explain(problem, besides: reasons.Length);
        unit.AppendTo(_parts.Store);
        if (Granted(subscribe, reasons) is { Count: > 0 } granted) _parts.Signals.Say(new Subscribed(_session.ClientId, granted));
        _acks!.Answer(new SubAckPacket { PacketId = subscribe.PacketId, Reasons = reasons, Properties = properties }, unit, _session);     // one code for each filter, in order [MQTT-3.9.3-1]
        PayRetained();
    }

    private static List<TopicFilter> Granted(SubscribePacket subscribe, ReasonCode[] reasons) =>
        [.. subscribe.Subscriptions.Where((_, index) => reasons[index] < ReasonCode.UnspecifiedError).Select(subscription => subscription.Filter)];

    /// <summary>Gives the session what it is still owed, as fast as its client takes it. Called, by whomever, when there may be room again.</summary>
    public void PayRetained()
    {
        if (_session is { IsOwed: true } session && Interlocked.Exchange(ref _paying, 1) == 0) _ = PayRetainedAsync(session);
    }

    private async Task PayRetainedAsync(Session session)
    {
        try
        {
            for (var unit = new StoreUnit(); !IsClosing && _parts.Router.PayRetained(session, unit) > 0; unit = new StoreUnit())
            {
                await unit.DeliverWhenStoredAsync();
                await _outbox.WhenDrainedAsync();
            }
        }
        catch (Exception error)
        {
            _parts.Logger.AnswerNotStored(error, session.ClientId);
            Close(ReasonCode.ServerBusy, "retained messages could not be stored");
        }
        finally
        {
            Volatile.Write(ref _paying, 0);
        }
    }

    private ReasonCode Subscribe(Subscription subscription, StoreUnit unit, ref string? problem)
    {
        var filter = subscription.Request.Filter;
        if (!TryLookBehindGroup(filter, out var topics)) return RefuseFilter(ReasonCode.TopicFilterInvalid, "shared-filter-nested", $"Filter {filter.Value} names a group within a group.", ref problem);
        if (!_parts.Access.MaySubscribe(_principal!, topics)) return RefuseFilter(ReasonCode.NotAuthorized, "subscribe-not-authorized", $"Filter {filter.Value} is not this client's to subscribe.", ref problem);
        if (!_session!.TryAdd(subscription, out var isNew)) return RefuseFilter(ReasonCode.QuotaExceeded, "too-many-subscriptions", $"Filter {filter.Value} is one more than a session may subscribe.", ref problem);

        if (SysTopics.Holds(topics)) _parts.Sys.Publish();       // nobody may have wanted the figures until now, so there may be none
        if (_session.IsDurable) unit.Add(new StoreChange.SubscriptionSet(_session.Number, subscription.Request, subscription.Identifier));
        _parts.Router.Subscribe(subscription, WantsRetained(subscription.Request, isNew), unit);
        _parts.Router.Gather(subscription);
        return (ReasonCode)subscription.Request.MaximumQos;
    }

    /// <summary>What may be read is decided by the filter behind the group. That it may not be a shared one itself keeps the policy from seeing another than the tree.</summary>
    private static bool TryLookBehindGroup(TopicFilter filter, [NotNullWhen(true)] out TopicFilter? topics)
    {
        topics = filter;
        return filter.ShareName is null || (TopicFilter.TryParse(filter.Path, out topics) && topics.ShareName is null);
    }

    /// <param name="problem">SUBACK has one reason in words for all its filters: the first one's.</param>
    private ReasonCode RefuseFilter(ReasonCode code, string reason, string detail, ref string? problem)
    {
        Refuse(RefusalDoor.Subscribe, reason, detail);
        problem ??= detail;
        return code;
    }

    private static bool WantsRetained(SubscriptionRequest request, bool isNew) => request.RetainHandling switch     // MQTT 5 3.8.3.1
    {
        _ when request.Filter.ShareName is not null => false,       // nobody of a group would know who got them (MQTT 5 4.8.2)
        RetainHandling.Send => true,
        RetainHandling.SendIfNew => isNew,
        _ => false,
    };

    private async ValueTask OnUnsubscribeAsync(UnsubscribePacket unsubscribe)
    {
        await RoomForAnswerAsync();
        var reasons = new ReasonCode[unsubscribe.Filters.Count];
        RequireFits(new UnsubAckPacket { PacketId = unsubscribe.PacketId, Reasons = reasons });
        var unit = new StoreUnit();
        for (var i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Unsubscribe(unsubscribe.Filters[i], unit) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
        }

        unit.AppendTo(_parts.Store);
        _acks!.Answer(new UnsubAckPacket { PacketId = unsubscribe.PacketId, Reasons = reasons }, unit);
    }

    /// <summary>Asked before anything changes: an answer larger than the client takes may not be sent [MQTT-3.1.2-24] and cannot be left out.</summary>
    private void RequireFits(Packet answer)
    {
        if (!_outbox.Fits(answer)) throw new ProtocolViolation(ReasonCode.PacketTooLarge, "The answer to so many filters would be larger than this client takes.");
    }

    private bool Unsubscribe(TopicFilter filter, StoreUnit unit)
    {
        if (_session!.IsDurable) unit.Add(new StoreChange.SubscriptionRemoved(_session.Number, filter));     // known or not: an earlier removal may not have reached the store
        if (!_session.TryRemove(filter)) return false;
        _parts.Tree.Remove(filter, _session);
        return true;
    }
}
