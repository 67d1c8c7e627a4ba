using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>CONNECT (MQTT 5.0, 3.1): the first packet of a client. It names the version that both sides keep to.</summary>
public sealed class ConnectPacket : Packet
{
    private const int CleanStartBit = 0x02;
    private const int WillBit = 0x04;
    private const int WillQosShift = 3;
    private const int WillRetainBit = 0x20;
    private const int PasswordBit = 0x40;
    private const int UserNameBit = 0x80;

    /// <inheritdoc/>
    public override PacketType Type => PacketType.Connect;

    /// <summary>The version the client asks for.</summary>
    public required ProtocolVersion Version { get; init; }

    /// <summary>Who connects; may be empty, then the server chooses (3.1.3.1).</summary>
    public required string ClientId { get; init; }

    /// <summary>Forget any earlier session. In 3.1.1 this is Clean Session: also forget this one when it ends.</summary>
    public bool CleanStart { get; init; }

    /// <summary>Seconds within which the client will send something; 0 turns the check off (3.1.2.10).</summary>
    public ushort KeepAlive { get; init; }

    /// <summary>What to publish when the client is lost, or null.</summary>
    public WillMessage? Will { get; init; }

    /// <summary>The user name, or null.</summary>
    public string? UserName { get; init; }

    /// <summary>The password, at most 65,535 bytes, or null. In 3.1.1 only together with a user name [MQTT-3.1.2-22].</summary>
    public ReadOnlyMemory<byte>? Password { get; init; }

    /// <summary>What the client asks for and limits; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal static ConnectPacket Read(ref WireReader reader)
    {
        ReadProtocol(ref reader);
        var flags = reader.ReadByte("connect flags");
        RequireConsistent(flags, reader.Version);
        return new ConnectPacket // initialisers run in this order, which is the wire's
        {
            Version = reader.Version,
            CleanStart = (flags & CleanStartBit) != 0,
            KeepAlive = reader.ReadUInt16("keep alive"),
            Properties = PropertyBlock.Read(ref reader, PacketSet.Connect),
            ClientId = reader.ReadText("client identifier"),
            Will = (flags & WillBit) != 0 ? WillMessage.Read(ref reader, WillQos(flags), (flags & WillRetainBit) != 0) : null,
            UserName = (flags & UserNameBit) != 0 ? reader.ReadText("user name") : null,
            Password = (flags & PasswordBit) != 0 ? (ReadOnlyMemory<byte>?)reader.ReadBinary("password").ToArray() : null,
        };
    }

    internal override void Write(ref WireWriter writer)
    {
        if (Version == ProtocolVersion.V311 && Password is not null && UserName is null)
            throw new ArgumentException("In MQTT 3.1.1 a password needs a user name."); // [MQTT-3.1.2-22]
        writer.Version = Version;
        writer.WriteText("MQTT", "protocol name");
        writer.WriteByte((byte)Version);
        writer.WriteByte(ConnectFlags());
        writer.WriteUInt16(KeepAlive);
        Properties.Write(ref writer, PacketSet.Connect);
        writer.WriteText(ClientId, "client identifier");
        Will?.Write(ref writer);
        if (UserName is not null) writer.WriteText(UserName, "user name");
        if (Password is { } password) writer.WriteBinary(password.Span, "password");
    }

    // MQIsdp (3.1), other names and other levels get "unsupported version", the one answer that such a client can understand.
    private static void ReadProtocol(ref WireReader reader)
    {
        var isMqtt = reader.ReadBinary("protocol name").SequenceEqual("MQTT"u8); // [MQTT-3.1.2-1]
        var level = reader.ReadByte("protocol version");
        reader.Version = isMqtt && level >= (byte)ProtocolVersion.V5 ? ProtocolVersion.V5 : ProtocolVersion.V311; // what a refusal is written in
        if (isMqtt && (ProtocolVersion)level is ProtocolVersion.V311 or ProtocolVersion.V5) return;
        var found = isMqtt ? $"protocol version {level}" : "protocol name is not MQTT";
        throw new ProtocolViolation(ReasonCode.UnsupportedProtocolVersion, found); // [MQTT-3.1.2-2]
    }

    private static void RequireConsistent(int flags, ProtocolVersion version)
    {
        if ((flags & 1) != 0) throw Malformed("reserved connect flag is set"); // [MQTT-3.1.2-3]
        if (WillQos(flags) > QualityOfService.ExactlyOnce) throw Malformed("will QoS is 3"); // [MQTT-3.1.2-12]
        if ((flags & WillBit) == 0 && (WillQos(flags) != 0 || (flags & WillRetainBit) != 0)) // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
            throw Malformed("will QoS or will retain without a will");
        if (version == ProtocolVersion.V311 && (flags & UserNameBit) == 0 && (flags & PasswordBit) != 0) // 3.1.1 [MQTT-3.1.2-22]
            throw Malformed("password without user name");
    }

    private byte ConnectFlags()
    {
        var flags = CleanStart ? CleanStartBit : 0;
        if (Will is not null) flags |= WillBit | (int)Will.Qos << WillQosShift | (Will.Retain ? WillRetainBit : 0);
        if (UserName is not null) flags |= UserNameBit;
        if (Password is not null) flags |= PasswordBit;
        return (byte)flags;
    }

    private static QualityOfService WillQos(int flags) => (QualityOfService)(flags >> WillQosShift & 0b11);

    private static ProtocolViolation Malformed(string detail) => new(ReasonCode.MalformedPacket, detail);
}
