using System.Collections;
using System.Reflection;
using System.Text;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Mqtt.Tests;

/// <summary>A packet in words: its type and every member that differs from its default, so that a table row can say what it expects.</summary>
internal static class PacketText
{
    public static string Of(Packet packet) => $"{packet.Type}({Members(packet)})";

    private static string Members(object value)
    {
        var members =
            from property in value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            where property.Name is not (nameof(Packet.Type) or nameof(PropertyBlock.IsEmpty))
            let text = Text(property.GetValue(value))
            where text is not null
            select $"{property.Name}={text}";
        return string.Join(' ', members);
    }

    private static string? Text(object? value) => value switch
    {
        null or false or (byte)0 or (ushort)0 or ReasonCode.Success or QualityOfService.AtMostOnce or RetainHandling.Send => null,
        PropertyBlock block => block.IsEmpty ? null : $"({PropertyMembers(block)})",
        ReadOnlyMemory<byte> bytes => bytes.IsEmpty ? null : Readable(bytes.Span),
        WillMessage will => $"({Members(will)})",
        string text => $"'{text}'",
        UserProperty user => $"{user.Name}:{user.Value}",
        SubscriptionRequest request => $"{Members(request)}",
        IEnumerable list => List(list),
        _ => value.ToString(),
    };

    // A property that is set to 0 or false is not the same as one that is absent.
    private static string PropertyMembers(PropertyBlock block)
    {
        var members =
            from property in typeof(PropertyBlock).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            where property.Name != nameof(PropertyBlock.IsEmpty)
            let value = property.GetValue(block)
            where value is not null and not IList { Count: 0 }
            select $"{property.Name}={Text(value) ?? (value is ReadOnlyMemory<byte> ? "empty" : value)}";
        return string.Join(' ', members);
    }

    private static string? List(IEnumerable list)
    {
        var items = list.Cast<object>().Select(item => Text(item) ?? item.ToString()).ToList();
        return items.Count > 0 ? $"[{string.Join(", ", items)}]" : null;
    }

    private static string Readable(ReadOnlySpan<byte> bytes) =>
        bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~') ? "0x" + Bytes.Hex(bytes) : $"'{Encoding.ASCII.GetString(bytes)}'";
}
