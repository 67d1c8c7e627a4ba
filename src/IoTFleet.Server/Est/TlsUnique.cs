using System.Buffers.Text;
using System.Net.Security;
using System.Runtime.InteropServices;
using System.Security.Authentication;
using System.Security.Authentication.ExtendedProtection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace IoTFleet.Server.Est;

internal enum ChannelBindingState { Absent, Bound, Wrong, NotOnThisTls }

/// <summary>
/// Whether a request was made for the TLS session that it came by: its challenge password is then the session's tls-unique in base64 (RFC 7030 3.5, RFC 5929 3).
/// TLS 1.3 has no such value: what .NET gives there is none that a standard knows, so a linked request is refused rather than compared.
/// </summary>
internal static class TlsUnique
{
    private const int Length = 12; // of a Finished message, RFC 5246 7.4.9
    private const int HeaderLength = 32; // of SEC_CHANNEL_BINDINGS, as .NET lays it out everywhere
    private static ReadOnlySpan<byte> Prefix => "tls-unique:"u8;

    public static ChannelBindingState Judge(HttpContext context, string? challengePassword)
    {
        if (string.IsNullOrEmpty(challengePassword)) return ChannelBindingState.Absent;
        Span<byte> linked = stackalloc byte[Length];
        if (challengePassword.Length != Base64.GetMaxEncodedToUtf8Length(Length)
            || !Convert.TryFromBase64String(challengePassword, linked, out var length) || length != Length) return ChannelBindingState.Wrong;
        if (context.Features.Get<ISslStreamFeature>()?.SslStream is not { } tls || tls.SslProtocol != SslProtocols.Tls12) return ChannelBindingState.NotOnThisTls;
        return Of(tls) is { } own && CryptographicOperations.FixedTimeEquals(own, linked) ? ChannelBindingState.Bound : ChannelBindingState.Wrong;
    }

    /// <summary>Of a TLS 1.2 session, either side; null when the platform gives none.</summary>
    public static byte[]? Of(SslStream tls)
    {
        using var binding = tls.TransportContext.GetChannelBinding(ChannelBindingKind.Unique);
        if (binding is null || binding.Size != HeaderLength + Prefix.Length + Length) return null;
        var bytes = new byte[binding.Size];
        Marshal.Copy(binding.DangerousGetHandle(), bytes, 0, bytes.Length);
        return bytes.AsSpan(HeaderLength, Prefix.Length).SequenceEqual(Prefix) ? bytes[^Length..] : null;
    }
}
