using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace IoTFleet.Fleet.Certificates;

/// <summary>A certificate's life as renewal sees it.</summary>
/// <param name="IssuedAt">When it was signed: later than its first second, which is backdated.</param>
/// <param name="End">Its last second.</param>
public readonly record struct CertificateLife(DateTimeOffset IssuedAt, DateTimeOffset End)
{
    /// <summary>
    /// The moment of signing is not in the certificate: it is its first second and the backdating that is configured. A certificate that is shorter than that
    /// was made under other settings; then the middle is as good a guess as any.
    /// </summary>
    public static CertificateLife Of(DateTimeOffset notBefore, DateTimeOffset notAfter, TimeSpan backdate)
    {
        var length = notAfter - notBefore;
        return new CertificateLife(notBefore + (backdate < length ? backdate : length / 2), notAfter);
    }

    public TimeSpan Length => End - IssuedAt;
}

/// <summary>When a device is to renew, as RFC 9773 4.2 has it: at some moment between start and end, at once when that has passed.</summary>
/// <param name="RetryAfter">When to ask for the window again, should it not have come by then.</param>
public sealed record RenewalWindow(DateTimeOffset Start, DateTimeOffset End, TimeSpan RetryAfter)
{
    /// <summary>A part of life this early is left in peace, or a short-lived certificate would be renewed without pause.</summary>
    private const double Earliest = 1 / 4.0;
    private const double Usual = 2 / 3.0;
    private const double Spread = 0.2;
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(6);
    private static readonly TimeSpan MinRetryAfter = TimeSpan.FromMinutes(1);

    /// <summary>
    /// At two thirds of its life, sooner when what is left would not outlast the outage that is to be survived; a tenth sooner or later
    /// by the device's name, so that devices enrolled at one moment do not come back at one moment.
    /// </summary>
    public static RenewalWindow Regular(string deviceId, CertificateLife life, RenewalOptions options, DateTimeOffset now)
    {
        var start = life.IssuedAt + (Age(life.Length, options.OutageTolerance) * (1 - (Spread / 2) + (Spread * Share(deviceId))));
        return Between(start, Age(life.Length, options.OutageTolerance) * Spread / 10, now);
    }

    /// <summary>Sooner than it would, since an operator or a tainted authority asks for it: spread over an interval, or over half of what is left to live.</summary>
    public static RenewalWindow Urgent(string deviceId, CertificateLife life, DateTimeOffset asked, RenewalOptions options, DateTimeOffset now)
    {
        var regular = Regular(deviceId, life, options, now);
        var left = (life.End - asked) / 2;
        var interval = left > TimeSpan.Zero && left < options.Spread ? left : options.Spread;
        var start = asked + (interval * Share(deviceId));
        return Between(start < regular.Start ? start : regular.Start, interval / 50, now);
    }

    /// <summary>From 0 to 1, the same for the same device ever after, and even over a fleet.</summary>
    public static double Share(string deviceId)
    {
        var hash = SHA256.HashData(Encoding.ASCII.GetBytes(deviceId));
        return BinaryPrimitives.ReadUInt32BigEndian(hash) / (uint.MaxValue + 1.0);
    }

    /// <summary>After how much of its life a certificate is renewed on average.</summary>
    public static TimeSpan Age(TimeSpan life, TimeSpan outage)
    {
        var outlasting = life - outage;
        var least = life * Earliest;
        var latest = outlasting > least ? outlasting : least;
        return latest < life * Usual ? latest : life * Usual;
    }

    private static RenewalWindow Between(DateTimeOffset start, TimeSpan width, DateTimeOffset now)
    {
        var until = start - now;
        return new RenewalWindow(start, start + width, until > MaxRetryAfter ? MaxRetryAfter : until > MinRetryAfter ? until : MinRetryAfter);
    }
}
