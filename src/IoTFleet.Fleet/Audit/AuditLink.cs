using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace IoTFleet.Fleet.Audit;

/// <summary>The hash that ties an entry to the one before it.</summary>
internal static class AuditLink
{
    /// <summary>What stands before the first entry of a chain.</summary>
    internal const string Genesis = "0000000000000000000000000000000000000000000000000000000000000000";

    /// <summary>Goes into every hash, so that another encoding can never say the same.</summary>
    private const string Form = "iotfleet-audit-v1";

    /// <summary>
    /// SHA-256, lower-case hex, over the form's name, the hash before it, and all that the entry says but its row number:
    /// integers as 8 bytes, texts as UTF-8 behind their length, a missing text as length -1. No two entries have the same bytes.
    /// </summary>
    internal static string Hash(string before, AuditEntry entry)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, Form);
        Append(hash, before);
        Append(hash, entry.Chain);
        Append(hash, entry.Sequence);
        Append(hash, EpochTime.ToMicroseconds(entry.At));
        Append(hash, entry.ActorKind.ToString());
        Append(hash, entry.ActorName);
        Append(hash, entry.Action);
        Append(hash, entry.Subject);
        Append(hash, entry.Outcome);
        Append(hash, entry.Detail);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, string? text)
    {
        if (text is null)
        {
            Append(hash, -1);
            return;
        }
        var bytes = Encoding.UTF8.GetBytes(text);
        Append(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
