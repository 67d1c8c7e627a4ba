using System.Globalization;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Times as devices write them.</summary>
internal static class EpochText
{
    public const string Expected = "must be milliseconds since 1970 or an RFC 3339 date-time with zone, such as 2026-01-31T12:00:00Z";

    public const long MaxMilliseconds = 253_402_300_799_999; // the end of the year 9999

    private const int MaxLength = 64;
    private const int SecondsEnd = 19; // 2026-01-31T12:00:00

    /// <summary>As <see cref="TryParse"/> reads it.</summary>
    public static string Of(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);

    /// <summary>
    /// RFC 3339 5.6, which also has small letters and a second of 60: that is the first of the next minute. From 1970 on; what is
    /// finer than a microsecond is cut off.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length is < SecondsEnd + 1 or > MaxLength || !TryDateTime(text[..SecondsEnd], out var local)) return false;
        var rest = text[SecondsEnd..];
        if (!TryFraction(ref rest, out var microseconds) || !TryZone(rest, out var zone)) return false;
        var ticks = local.Ticks + (microseconds * TimeSpan.TicksPerMicrosecond) - zone.Ticks;
        if (ticks < DateTime.UnixEpoch.Ticks || ticks > DateTime.MaxValue.Ticks) return false;
        time = new DateTimeOffset(ticks, TimeSpan.Zero);
        return true;
    }

    private static bool TryDateTime(ReadOnlySpan<byte> text, out DateTime local)
    {
        local = default;
        var isShaped = text[4] == '-' && text[7] == '-' && (text[10] | 0x20) == 't' && text[13] == ':' && text[16] == ':';
        if (!isShaped || !TryNumber(text[..4], out var year) || !TryNumber(text[5..7], out var month) || !TryNumber(text[8..10], out var day)) return false;
        if (!TryNumber(text[11..13], out var hour) || !TryNumber(text[14..16], out var minute) || !TryNumber(text[17..], out var second)) return false;
        if (year is 0 || month is 0 or > 12 || day is 0 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 60) return false;
        local = new DateTime(year, month, day, hour, minute, 0, DateTimeKind.Unspecified);
        if (second == 60 && local > DateTime.MaxValue.AddMinutes(-2)) return false;
        local = local.AddSeconds(second);
        return true;
    }

    private static bool TryFraction(ref ReadOnlySpan<byte> rest, out long microseconds)
    {
        microseconds = 0;
        if (rest[0] != '.') return true;
        var digits = rest[1..].IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (digits <= 0) return false; // none, or no zone behind them
        for (var i = 1; i <= 6; i++) microseconds = (microseconds * 10) + (i <= digits ? rest[i] - '0' : 0);
        rest = rest[(digits + 1)..];
        return true;
    }

    private static bool TryZone(ReadOnlySpan<byte> text, out TimeSpan zone)
    {
        zone = TimeSpan.Zero;
        if (text.Length == 1) return (text[0] | 0x20) == 'z';
        if (text.Length != 6 || text[0] is not ((byte)'+' or (byte)'-') || text[3] != ':') return false;
        if (!TryNumber(text[1..3], out var hours) || !TryNumber(text[4..], out var minutes) || hours > 23 || minutes > 59) return false;
        zone = new TimeSpan(hours, minutes, 0);
        if (text[0] == '-') zone = -zone;
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<byte> digits, out int number)
    {
        number = 0;
        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'9') return false;
            number = (number * 10) + digit - '0';
        }

        return true;
    }
}
