using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Connections;

// CONNECT -> session.
internal sealed partial class MqttConnection
{
    /// <returns>False when the client was refused, or gave way to a newer connection of its own; then the connection ends.</returns>
    private async Task<bool> OnConnectAsync(ConnectPacket connect)
    {
        _outbox.Version = connect.Version;
        _outbox.MaximumPacketSize = connect.Properties.MaximumPacketSize;
        _mayExplain = connect.Properties.RequestProblemInformation != false;
        if (connect.Properties.TopicAliasMaximum is { } aliases and > 0 && _parts.Options.TopicAliasMaximum > 0)
        {
            _outbox.Aliases = new OutboundAliases(Math.Min(aliases, _parts.Options.TopicAliasMaximum), _outbox.MaximumPacketSize);
        }

        if (connect is { Version: ProtocolVersion.V311, ClientId: "", CleanStart: false })
        {
            return RefuseConnect(connect, ReasonCode.ClientIdentifierNotValid, "client-id-empty", "An empty client id needs a clean session.");      // 3.1.1 [MQTT-3.1.3-8]
        }

        if (connect.Properties.AuthenticationMethod is not null)
        {
            return RefuseConnect(connect, ReasonCode.BadAuthenticationMethod, "authentication-method", "Extended authentication is not offered; the certificate is the identity.");
        }

        return await AdmitAsync(connect) switch
        {
            Admission.Accepted accepted => await OnAdmittedAsync(connect, accepted.Principal),
            Admission.Refused refused => RefuseConnect(connect, refused.Code, refused.Reason, refused.Detail),
            var other => throw new InvalidOperationException($"Unknown admission {other}."),
        };
    }

    /// <summary>A policy that throws, or does not answer, has lost its store. Let through, an IOException of the store would pass for a lost socket.</summary>
    private async ValueTask<Admission> AdmitAsync(ConnectPacket connect)
    {
        using var deadline = new CancellationTokenSource(_parts.Options.AdmissionTimeout, _parts.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _closing.Token);
        try
        {
            var admitting = _parts.Access.AdmitAsync(_identity, connect, either.Token);
            return admitting.IsCompletedSuccessfully ? admitting.Result : await admitting.AsTask().WaitAsync(either.Token);     // a store that hangs may not hear the token
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !IsClosing)
        {
            return new Admission.Refused(ReasonCode.ServerUnavailable, "admission-timeout", $"The server could not decide on this client within {_parts.Options.AdmissionTimeout.TotalSeconds:0} s; it may try again.");
        }
        catch (Exception error) when (!IsClosing)
        {
            _parts.Logger.AdmissionFailed(error, _identity.Address);
            return new Admission.Refused(ReasonCode.ServerUnavailable, "admission-failed", "The server could not decide on this client; it may try again.");
        }
    }

    private async Task<bool> OnAdmittedAsync(ConnectPacket connect, Principal principal)
    {
        if (principal.ClientId.Length == 0)
        {
            return RefuseConnect(connect, ReasonCode.ClientIdentifierNotValid, "client-id-empty", "The client id is empty, and this client is not given one.");      // [MQTT-3.1.3-8]
        }

        if (connect.Will is { } will && RefusedWill(connect, will, principal)) return false;

        _sessionExpiry = SessionExpiryOf(connect);
        var left = connect.Will is null ? null : Will.From(connect.Will, principal, _parts.Clock.GetUtcNow());
        if (await _parts.Sessions.ClaimAsync(this, principal.ClientId, connect.CleanStart, _sessionExpiry, left) is not { } claim) return false;
        var session = claim.Session;
        (_principal, _session, _will) = (principal, session, claim.Will);
        _acks = new AckQueue(_parts, _outbox, principal.ClientId, _parts.Options.ReceiveMaximum, session.Settled, OnCommitFailed, OnRefusedLate);
        StartKeepAlive(connect.KeepAlive);
        Volatile.Write(ref _connectedAt, _parts.Clock.GetUtcNow().UtcTicks);
        _parts.Metrics.ClientConnected();

        // Registered first, then asked again: a revocation that swept the sessions a moment ago did not see this one (invariant 4).
        if (!_parts.Access.StillAdmitted(principal))
        {
            _sessionExpiry = TimeSpan.Zero;     // what it left behind goes, too: the sweep may have been too early for this session
            return RefuseConnect(connect, ReasonCode.Banned, "revoked-while-connecting", "The client was revoked or suspended while it connected.");
        }

        if (!await IsStoredAsync(claim.Stored))
        {
            return RefuseConnect(connect, ReasonCode.ServerUnavailable, "session-not-stored", "The session could not be stored; the client may try again.");
        }

        var welcome = Welcome(connect, claim.WasPresent);
        if (!_outbox.Fits(welcome)) return RefuseConnect(connect, ReasonCode.PacketTooLarge, "client-takes-too-little", "The client's Maximum Packet Size is below that of our CONNACK.");     // [MQTT-3.1.2-24]

        _parts.Logger.Connected(principal.ClientId, _identity.Address, connect.Version, claim.WasPresent ? "resumed" : "new");
        _outbox.Send(welcome);
        session.Attach(_outbox, connect.Properties.ReceiveMaximum ?? ushort.MaxValue);
        PayRetained();
        foreach (var subscription in session.Subscriptions()) _parts.Router.Gather(subscription);
        return true;
    }

    /// <summary>
    /// What CONNACK promises is in the store before it leaves. As units become durable in order, so is all that an earlier connection has left
    /// behind, and this one may send at once what was stored for it.
    /// </summary>
    private async ValueTask<bool> IsStoredAsync(Task stored)
    {
        if (stored.IsCompletedSuccessfully) return true;
        try
        {
            await stored.WaitAsync(_closing.Token);
            return true;
        }
        catch (Exception error) when (!IsClosing)
        {
            _parts.Logger.AnswerNotStored(error, ClientId!);
            return false;
        }
    }

    private bool RefusedWill(ConnectPacket connect, WillMessage will, Principal principal)
    {
        if (!MayPublish(principal, will.Topic))
        {
            return !RefuseConnect(connect, ReasonCode.NotAuthorized, "will-not-authorized", $"The will's topic {will.Topic.Value} is not this client's to publish.");
        }

        return !IsWhatItSays(will.Payload, will.Properties)
            && !RefuseConnect(connect, ReasonCode.PayloadFormatInvalid, "payload-format", $"The will on {will.Topic.Value} says that it is UTF-8 text and is not.");
    }

    private ConnAckPacket Welcome(ConnectPacket connect, bool sessionPresent) => new()
    {
        SessionPresent = sessionPresent,
        Reason = ReasonCode.Success,
        Properties = connect.Version == ProtocolVersion.V5 ? Terms(connect) : PropertyBlock.None,
    };

    /// <summary>What a v5 client must know of our limits; only what differs from the protocol's defaults (MQTT 5 3.2.2.3).</summary>
    private PropertyBlock Terms(ConnectPacket connect) => new()
    {
        ReceiveMaximum = (ushort)_parts.Options.ReceiveMaximum,
        MaximumPacketSize = (uint)_parts.Options.PacketLimits.MaxPacketSize,
        TopicAliasMaximum = (ushort)_parts.Options.TopicAliasMaximum,
        SharedSubscriptionAvailable = true,
        AssignedClientIdentifier = connect.ClientId.Length == 0 ? _principal!.AssignedClientId : null,          // [MQTT-3.1.3-7]
        ResponseInformation = connect.Properties.RequestResponseInformation == true ? _principal!.ResponseInformation : null,      // [MQTT-3.1.2-28]
        SessionExpiryInterval = Seconds(_sessionExpiry) == (connect.Properties.SessionExpiryInterval ?? 0) ? null : Seconds(_sessionExpiry),
        ServerKeepAlive = _keepAlive == TimeSpan.FromSeconds(connect.KeepAlive) ? null : (ushort)_keepAlive.TotalSeconds,
    };

    /// <summary>3.1.1 knows only "for ever" and "not at all" (its 3.1.2.4); both versions are held to our longest.</summary>
    private TimeSpan SessionExpiryOf(ConnectPacket connect)
    {
        var asked = connect.Version == ProtocolVersion.V5 ? connect.Properties.SessionExpiryInterval ?? 0 : connect.CleanStart ? 0 : uint.MaxValue;
        return Capped(asked);
    }

    private TimeSpan Capped(uint seconds) => TimeSpan.FromSeconds(Math.Min(seconds, _parts.Options.MaxSessionExpiry.TotalSeconds));

    private static uint Seconds(TimeSpan span) => (uint)span.TotalSeconds;

    private bool RefuseConnect(ConnectPacket connect, ReasonCode code, string reason, string detail)
    {
        Refuse(RefusalDoor.Connect, reason, detail, connect.ClientId);
        SendConnAckRefusal(code, detail);
        _will = null;                       // a client that was not let in leaves no will
        Close(code, detail, silently: true);
        return false;
    }

    private void SendConnAckRefusal(ReasonCode code, string detail)
    {
        var refusal = new ConnAckPacket { SessionPresent = false, Reason = code, Properties = Explain(detail) };
        if (_outbox.Fits(refusal)) _outbox.Send(refusal);
    }
}
