using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using IoTFleet.Pki;

namespace IoTFleet.Server.Est;

/// <summary>The bodies of EST: base64 of PKCS#10 in, base64 of PKCS#7 out. RFC 7030 4, RFC 8951 3.</summary>
internal static class EstFormat
{
    /// <summary>The longest body worth reading: 8 KiB in base64, with room for line ends.</summary>
    public const int MaxBody = 16 * 1024;

    private const int LineLength = 64;

    /// <summary>Decodes a request's body. White space in it is ignored; RFC 8951 leaves wrapping to the sender.</summary>
    public static bool TryReadRequest(ReadOnlySpan<byte> body, [NotNullWhen(true)] out byte[]? der, [NotNullWhen(false)] out string? problem)
    {
        der = null;
        problem = FindProblem(body);
        if (problem is not null) return false;

        var decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(body.Length)];
        if (Base64.DecodeFromUtf8(body, decoded, out _, out var length) != OperationStatus.Done)
        {
            problem = "The body is not base64.";
            return false;
        }
        if (length > SigningRequest.MaxLength)
        {
            problem = $"The request is larger than {SigningRequest.MaxLength} bytes.";
            return false;
        }
        der = decoded[..length];
        return true;
    }

    /// <summary>Base64 in lines of 64 characters: some clients cannot read it in one line.</summary>
    public static string WriteCertificates(ReadOnlySpan<byte> pkcs7)
    {
        var base64 = Convert.ToBase64String(pkcs7);
        var lines = new StringBuilder(base64.Length + (base64.Length / LineLength) + 1);
        for (var at = 0; at < base64.Length; at += LineLength)
        {
            lines.Append(base64, at, Math.Min(LineLength, base64.Length - at)).Append('\n');
        }
        return lines.ToString();
    }

    private static string? FindProblem(ReadOnlySpan<byte> body)
    {
        var text = body.Trim(" \t\r\n"u8);
        if (text.IsEmpty) return "The body is empty; send the PKCS#10 request in base64.";
        if (text.StartsWith("-----"u8)) return "The body is PEM; send only the base64 between the BEGIN and END lines.";
        if (text[0] == 0x30 && text.ContainsAnyExceptInRange((byte)'\t', (byte)'z')) return "The body is binary DER; send it in base64.";
        return body.Length > MaxBody ? $"The body is larger than {MaxBody} bytes." : null;
    }
}
