using System.Text;

namespace IoTFleet.Conformance.Targets;

/// <summary>Packets from bytes: for what the codec, rightly, would not write.</summary>
internal static class Raw
{
    private const int ContinuationBit = 0x80;

    /// <summary>A fixed header and its content.</summary>
    public static byte[] Packet(int firstByte, params byte[][] content)
    {
        var length = content.Sum(part => part.Length);
        return [(byte)firstByte, .. VariableInteger(length), .. content.SelectMany(part => part)];
    }

    public static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    public static byte[] Text(string text) => Text(Encoding.UTF8.GetBytes(text));

    /// <summary>Two bytes of length and these.</summary>
    public static byte[] Text(byte[] bytes) => [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];

    /// <summary>The length of no properties; in 3.1.1 there is no such field.</summary>
    public static byte[] NoProperties(ProtocolVersion version) => Properties(version);

    public static byte[] Properties(ProtocolVersion version, params byte[][] properties) =>
        version == V5 ? [.. VariableInteger(properties.Sum(property => property.Length)), .. properties.SelectMany(property => property)] : [];

    /// <summary>CONNECT with these flags, no properties and this payload.</summary>
    public static byte[] Connect(ProtocolVersion version, int flags, params byte[][] payload) =>
        Packet(0x10, [Text("MQTT"), [(byte)version, (byte)flags, 0, 60], NoProperties(version), .. payload]);

    /// <summary>PUBLISH at QoS 0.</summary>
    public static byte[] Publish(ProtocolVersion version, byte[] topic, params byte[][] properties) =>
        Packet(0x30, Text(topic), Properties(version, properties), "x"u8.ToArray());

    private static byte[] VariableInteger(int value)
    {
        List<byte> bytes = [];
        do
        {
            var rest = value / ContinuationBit;
            bytes.Add((byte)(value % ContinuationBit | (rest > 0 ? ContinuationBit : 0)));
            value = rest;
        }
        while (value > 0);
        return [.. bytes];
    }
}
