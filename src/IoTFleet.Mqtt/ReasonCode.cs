namespace IoTFleet.Mqtt;

/// <summary>
/// The result of an operation, as MQTT 5.0 numbers it (2.4). Values from 0x80 up are failures. For 3.1.1, packets map them to what that version can
/// say.
/// </summary>
public enum ReasonCode : byte
{
    /// <summary>Done; also "normal disconnection" and "granted QoS 0".</summary>
    Success = 0x00,

    /// <summary>Subscribed with a maximum of QoS 1 (3.9.3).</summary>
    GrantedQos1 = 0x01,

    /// <summary>Subscribed with a maximum of QoS 2 (3.9.3).</summary>
    GrantedQos2 = 0x02,

    /// <summary>The client leaves but wants its will published (3.14.2.1).</summary>
    DisconnectWithWill = 0x04,

    /// <summary>The message was accepted but nobody subscribes to it (3.4.2.1).</summary>
    NoMatchingSubscribers = 0x10,

    /// <summary>UNSUBSCRIBE named a filter that was not subscribed (3.11.3).</summary>
    NoSubscriptionExisted = 0x11,

    /// <summary>The authentication exchange goes on (3.15.2.1).</summary>
    ContinueAuthentication = 0x18,

    /// <summary>The client starts to authenticate again (3.15.2.1).</summary>
    ReAuthenticate = 0x19,

    /// <summary>A failure that the sender does not explain.</summary>
    UnspecifiedError = 0x80,

    /// <summary>A packet that cannot be parsed (4.13).</summary>
    MalformedPacket = 0x81,

    /// <summary>A packet that parses but breaks the protocol (4.13).</summary>
    ProtocolError = 0x82,

    /// <summary>Valid, but this receiver does not accept it.</summary>
    ImplementationSpecificError = 0x83,

    /// <summary>CONNECT asks for a protocol version that is not spoken here (3.1.2.2).</summary>
    UnsupportedProtocolVersion = 0x84,

    /// <summary>The client identifier is well formed but not accepted (3.1.3.1).</summary>
    ClientIdentifierNotValid = 0x85,

    /// <summary>User name or password is wrong.</summary>
    BadUserNameOrPassword = 0x86,

    /// <summary>The peer may not do this.</summary>
    NotAuthorized = 0x87,

    /// <summary>The server cannot serve at the moment.</summary>
    ServerUnavailable = 0x88,

    /// <summary>The server is busy; try again later.</summary>
    ServerBusy = 0x89,

    /// <summary>The client was banned by an administrator.</summary>
    Banned = 0x8A,

    /// <summary>The server is stopping.</summary>
    ServerShuttingDown = 0x8B,

    /// <summary>The authentication method is not supported or not the one in use (4.12).</summary>
    BadAuthenticationMethod = 0x8C,

    /// <summary>Nothing arrived for one and a half times the keep alive (3.1.2.10).</summary>
    KeepAliveTimeout = 0x8D,

    /// <summary>Another connection uses the same client identifier (3.1.4).</summary>
    SessionTakenOver = 0x8E,

    /// <summary>The topic filter is well formed but not accepted.</summary>
    TopicFilterInvalid = 0x8F,

    /// <summary>The topic name is not accepted.</summary>
    TopicNameInvalid = 0x90,

    /// <summary>The packet identifier is already in use (2.2.1).</summary>
    PacketIdentifierInUse = 0x91,

    /// <summary>The packet identifier is not known; normal after a lost session (3.6.2.1).</summary>
    PacketIdentifierNotFound = 0x92,

    /// <summary>More unacknowledged messages than the Receive Maximum (3.3.4).</summary>
    ReceiveMaximumExceeded = 0x93,

    /// <summary>The topic alias is zero, unknown or above the maximum (3.3.2.3.4).</summary>
    TopicAliasInvalid = 0x94,

    /// <summary>The packet is larger than the receiver allows (3.1.2.11.4).</summary>
    PacketTooLarge = 0x95,

    /// <summary>Messages arrive too fast.</summary>
    MessageRateTooHigh = 0x96,

    /// <summary>A limit set by the implementation or an administrator was reached.</summary>
    QuotaExceeded = 0x97,

    /// <summary>The connection was closed by an administrator.</summary>
    AdministrativeAction = 0x98,

    /// <summary>The payload is not what the payload format indicator says (3.3.2.3.2).</summary>
    PayloadFormatInvalid = 0x99,

    /// <summary>Retained messages are not supported (3.2.2.3.5).</summary>
    RetainNotSupported = 0x9A,

    /// <summary>The QoS is above the server's Maximum QoS (3.2.2.3.4).</summary>
    QosNotSupported = 0x9B,

    /// <summary>Use another server for now (4.11).</summary>
    UseAnotherServer = 0x9C,

    /// <summary>Use another server from now on (4.11).</summary>
    ServerMoved = 0x9D,

    /// <summary>Shared subscriptions are not supported (3.2.2.3.13).</summary>
    SharedSubscriptionsNotSupported = 0x9E,

    /// <summary>Connections arrive too fast.</summary>
    ConnectionRateExceeded = 0x9F,

    /// <summary>The connection reached the longest time that was authorised for it.</summary>
    MaximumConnectTime = 0xA0,

    /// <summary>Subscription identifiers are not supported (3.2.2.3.12).</summary>
    SubscriptionIdentifiersNotSupported = 0xA1,

    /// <summary>Subscriptions with wildcards are not supported (3.2.2.3.11).</summary>
    WildcardSubscriptionsNotSupported = 0xA2,
}

/// <summary>What a reason code means to its receiver.</summary>
public static class ReasonCodeMeaning
{
    /// <summary>True for 0x80 and above: the operation failed (MQTT 5.0, 2.4).</summary>
    public static bool IsFailure(this ReasonCode reason) => reason >= ReasonCode.UnspecifiedError;
}
