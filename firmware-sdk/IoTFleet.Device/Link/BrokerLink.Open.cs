using System.Globalization;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Link;

internal sealed partial class BrokerLink
{
    private const ushort SubscribeId = 1;                      // free: nothing is published before the SUBACK

    private int _window;
    private int _receiveMaximum;
    private long _largestPacket;
    private bool _subscribed;

    /// <summary>Makes the connection ready for telemetry and commands; returns why not if the server says no.</summary>
    public async Task<LinkEnd?> OpenAsync(CancellationToken cancellation)
    {
        _outbox.StartOver();
        _inbox.StartOver();
        _answers.StartOver();
        try
        {
            Write(Connect());
            await FlushAsync(cancellation);
            if (await ReceiveAsync(cancellation) is not ConnAckPacket answer)
                throw new ProtocolViolation(ReasonCode.ProtocolError, "the first packet is not CONNACK");   // [MQTT-3.2.0-1]
            if (answer.Reason != ReasonCode.Success)
                return LinkEnd.ByServer("CONNACK", answer.Reason, answer.Properties);
            Heed(answer.Properties);
        }
        catch (IOException)
        {
            // With TLS 1.3 a server may reject the client's certificate after the client saw the handshake succeed, and some send no alert.
            var why = "The server closed the connection right after the TLS handshake; it possibly refused this device's certificate.";
            return new LinkEnd(why, Refused: true);
        }

        return await SubscribeAsync(cancellation);
    }

    private ConnectPacket Connect() => new()
    {
        Version = _options.Protocol,
        ClientId = _options.DeviceId,
        CleanStart = true,                                     // what is unacknowledged is kept by the outbox, not by the session
        KeepAlive = (ushort)_options.KeepAlive.TotalSeconds,
        Properties = _options.Protocol == ProtocolVersion.V5
            ? new PropertyBlock { ReceiveMaximum = _inbox.Room, MaximumPacketSize = (uint)_options.PacketLimits.MaxPacketSize, UserProperties = [.. HeldBundle()] }
            : PropertyBlock.None,
    };

    private IEnumerable<UserProperty> HeldBundle()
    {
        if (TrustBundleVersion is { } version)
            yield return new UserProperty("trust-bundle", version.ToString(CultureInfo.InvariantCulture));
    }

    private void Heed(PropertyBlock terms)
    {
        _receiveMaximum = terms.ReceiveMaximum ?? ushort.MaxValue;                           // [MQTT-3.3.4-7]
        _window = Math.Min(_options.MaxInFlight, _receiveMaximum);
        _largestPacket = terms.MaximumPacketSize ?? uint.MaxValue;                           // [MQTT-3.2.2-15]
        // [MQTT-3.2.2-21]. A server that wants none, or only a long one, is asked all the same: this side wants to know whether it is still there.
        if (terms.ServerKeepAlive is { } seconds and not 0 && TimeSpan.FromSeconds(seconds) < _keepAlive)
            _keepAlive = TimeSpan.FromSeconds(seconds);
    }

    private async Task<LinkEnd?> SubscribeAsync(CancellationToken cancellation)
    {
        var commands = new SubscriptionRequest(TopicFilter.Parse(_commandTopic + "#"), QualityOfService.AtLeastOnce);
        Write(new SubscribePacket { PacketId = SubscribeId, Subscriptions = [commands] });
        await FlushAsync(cancellation);
        while (!_subscribed)
        {
            if (Handle(await ReceiveAsync(cancellation)) is { } end)
                return end;
        }

        return null;
    }
}
