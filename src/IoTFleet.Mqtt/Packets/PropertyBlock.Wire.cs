using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

// How a block is read and written (MQTT 5.0, 2.2.2). What is allowed where is in PropertyTable.
public sealed partial record PropertyBlock
{
    internal static PropertyBlock Read(ref WireReader reader, PacketSet packet)
    {
        if (reader.Version == ProtocolVersion.V311) return None;
        var length = reader.ReadVariableInteger("property length");
        if (length == 0) return None;

        var section = reader.ReadSection(length, "properties");
        var block = new PropertyBlock();
        var userBytes = 0;
        while (!section.AtEnd) block.ReadOne(ref section, packet, ref userBytes);
        if (block.AuthenticationData is not null && block.AuthenticationMethod is null) // 3.1.2.11.10
            throw new ProtocolViolation(ReasonCode.ProtocolError, "authentication data without a method");
        return block;
    }

    private void ReadOne(ref WireReader reader, PacketSet packet, ref int userBytes)
    {
        var id = reader.ReadVariableInteger("property identifier");
        var rule = PropertyTable.Find(id) ?? throw new ProtocolViolation(ReasonCode.MalformedPacket, $"property {id} is unknown"); // 2.2.2.2
        if ((rule.AllowedIn & packet) == 0) // 2.2.2.2
            throw new ProtocolViolation(ReasonCode.MalformedPacket, $"{rule.Name} may not stand in {packet}");
        if (rule.Id == PropertyId.UserProperty) ReadUserProperty(ref reader, ref userBytes);
        else if (rule.Id == PropertyId.SubscriptionIdentifier && packet == PacketSet.Publish) ReadSubscriptionIdentifier(rule, ref reader);
        else if (IndexOf(rule.Id) >= 0) throw new ProtocolViolation(ReasonCode.ProtocolError, $"{rule.Name} stands twice");
        else Add(ReadValue(rule, ref reader));
    }

    private static Entry ReadValue(PropertyRule rule, ref WireReader reader) => rule.Type switch
    {
        PropertyType.OneByteInteger => new Entry(rule.Id, Checked(rule, reader.ReadByte(rule.Name))),
        PropertyType.TwoByteInteger => new Entry(rule.Id, Checked(rule, reader.ReadUInt16(rule.Name))),
        PropertyType.FourByteInteger => new Entry(rule.Id, Checked(rule, reader.ReadUInt32(rule.Name))),
        PropertyType.VariableInteger => new Entry(rule.Id, 0, new List<uint>(1) { Checked(rule, reader.ReadVariableInteger(rule.Name)) }),
        PropertyType.Text => new Entry(rule.Id, 0, reader.ReadText(rule.Name)),
        PropertyType.Topic => new Entry(rule.Id, 0, reader.ReadTopicName(rule.Name)), // [MQTT-3.3.2-14]
        _ => new Entry(rule.Id, 0, (ReadOnlyMemory<byte>)reader.ReadBinary(rule.Name).ToArray()),
    };

    private static uint Checked(PropertyRule rule, uint number)
    {
        if (rule.Allows(number)) return number;
        var reason = rule.Id == PropertyId.TopicAlias ? ReasonCode.TopicAliasInvalid : ReasonCode.ProtocolError; // [MQTT-3.3.2-8]
        throw new ProtocolViolation(reason, $"{rule.Name} is {number}");
    }

    private void ReadUserProperty(ref WireReader reader, ref int userBytes)
    {
        var list = ListOf<UserProperty>(PropertyId.UserProperty);
        if (list.Count >= reader.Limits.MaxUserProperties)
            throw new ProtocolViolation(ReasonCode.QuotaExceeded, $"more than {reader.Limits.MaxUserProperties} user properties");
        list.Add(new UserProperty(ReadCounted(ref reader, "user property name", ref userBytes), ReadCounted(ref reader, "user property value", ref userBytes)));
    }

    /// <summary>The length is known before the text is made.</summary>
    private static string ReadCounted(ref WireReader reader, string what, ref int userBytes)
    {
        userBytes += reader.PeekLength();
        if (userBytes > reader.Limits.MaxUserPropertyBytes)
            throw new ProtocolViolation(ReasonCode.QuotaExceeded, $"more than {reader.Limits.MaxUserPropertyBytes} bytes of user properties");
        return reader.ReadText(what);
    }

    private void ReadSubscriptionIdentifier(PropertyRule rule, ref WireReader reader) =>
        ListOf<uint>(rule.Id).Add(Checked(rule, reader.ReadVariableInteger(rule.Name)));

    private List<T> ListOf<T>(PropertyId id)
    {
        if (Find(id) is { } entry) return (List<T>)entry.Reference!;
        var list = new List<T>(1);
        Add(new Entry(id, 0, list));
        return list;
    }

    internal void Write(ref WireWriter writer, PacketSet packet)
    {
        if (writer.Version == ProtocolVersion.V311) return;
        if (AuthenticationData is not null && AuthenticationMethod is null) // 3.1.2.11.10
            throw new ArgumentException("Authentication data needs an authentication method.");
        var counter = WireWriter.Counting(writer.Version);
        WriteEntries(ref counter, packet);
        writer.WriteVariableInteger((uint)counter.Length);
        WriteEntries(ref writer, packet);
    }

    private void WriteEntries(ref WireWriter writer, PacketSet packet)
    {
        foreach (var entry in Entries)
        {
            var rule = PropertyTable.Get(entry.Id);
            if ((rule.AllowedIn & packet) == 0) throw new ArgumentException($"{rule.Name} may not stand in {packet}.");
            WriteEntry(ref writer, entry, rule, packet);
        }
    }

    private static void WriteEntry(ref WireWriter writer, Entry entry, PropertyRule rule, PacketSet packet)
    {
        switch (rule.Type)
        {
            case PropertyType.TextPair:
                WriteUserProperties(ref writer, (IReadOnlyList<UserProperty>)entry.Reference!);
                break;
            case PropertyType.VariableInteger:
                WriteSubscriptionIdentifiers(ref writer, (IReadOnlyList<uint>)entry.Reference!, packet);
                break;
            default:
                writer.WriteByte((byte)rule.Id);
                WriteValue(ref writer, entry, rule);
                break;
        }
    }

    private static void WriteValue(ref WireWriter writer, Entry entry, PropertyRule rule)
    {
        switch (rule.Type)
        {
            case PropertyType.OneByteInteger: writer.WriteByte((byte)entry.Number); break;
            case PropertyType.TwoByteInteger: writer.WriteUInt16((ushort)entry.Number); break;
            case PropertyType.FourByteInteger: writer.WriteUInt32(entry.Number); break;
            case PropertyType.Text: writer.WriteText((string)entry.Reference!, rule.Name); break;
            case PropertyType.Topic: writer.WriteTopicName((TopicName)entry.Reference!); break;
            default: writer.WriteBinary(((ReadOnlyMemory<byte>)entry.Reference!).Span, rule.Name); break;
        }
    }

    private static void WriteUserProperties(ref WireWriter writer, IReadOnlyList<UserProperty> properties)
    {
        for (var n = 0; n < properties.Count; n++) // foreach would allocate an enumerator, six times for a message that is measured and written
        {
            var (name, value) = properties[n];
            writer.WriteByte((byte)PropertyId.UserProperty);
            writer.WriteText(name, "user property name");
            writer.WriteText(value, "user property value");
        }
    }

    private static void WriteSubscriptionIdentifiers(ref WireWriter writer, IReadOnlyList<uint> identifiers, PacketSet packet)
    {
        if (identifiers.Count > 1 && packet == PacketSet.Subscribe) // 3.8.2.1.2
            throw new ArgumentException("SUBSCRIBE has one subscription identifier at most.");
        foreach (var identifier in identifiers)
        {
            writer.WriteByte((byte)PropertyId.SubscriptionIdentifier);
            writer.WriteVariableInteger(identifier);
        }
    }
}
