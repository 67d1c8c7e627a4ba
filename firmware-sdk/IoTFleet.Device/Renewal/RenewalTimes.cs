using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace IoTFleet.Device.Renewal;

/// <summary>What the server said about renewing (RFC 9773 4.2): some moment between start and end; ask again after a while, it may change its mind.</summary>
internal sealed record RenewalAdvice(DateTimeOffset Start, DateTimeOffset End, TimeSpan RetryAfter)
{
    /// <summary>The newest there is, when the server said so.</summary>
    public long? TrustBundleVersion { get; init; }
}

/// <summary>When to renew, and when to try again. Pure, so that a simulation of a whole fleet decides as a device does.</summary>
internal static class RenewalTimes
{
    private static readonly TimeSpan LongestFirstWait = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(6);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(1);

    /// <summary>The moment within the server's window that is this device's. The name decides, not chance: a device that restarts keeps its place.</summary>
    public static DateTimeOffset Within(RenewalAdvice advice, string deviceId) => advice.Start + ((advice.End - advice.Start) * Share(deviceId));

    /// <summary>Without a word from the server: at two thirds of the certificate's life, a tenth sooner or later by the device's name.</summary>
    public static DateTimeOffset Unadvised(string deviceId, DateTimeOffset notBefore, DateTimeOffset notAfter) =>
        notBefore + ((notAfter - notBefore) * (2 / 3.0) * (0.9 + (0.2 * Share(deviceId))));

    /// <summary>
    /// How long to wait after a failure. The first wait is long on purpose, a quarter of the certificate's life or an hour: a fleet whose server was away comes
    /// back spread over it. The waits double from there; but none is so long that the certificate would end before another attempt.
    /// </summary>
    /// <param name="life">The certificate's whole life.</param>
    /// <param name="remaining">What is left of it; negative in the days of grace.</param>
    /// <param name="failures">So far, this one included.</param>
    /// <param name="asked">What the server asked for: a turn that it gave to this device alone.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    public static TimeSpan Retry(TimeSpan life, TimeSpan remaining, int failures, TimeSpan? asked, double random)
    {
        var first = Least(life / 4, LongestFirstWait);
        var longest = first > LongestWait ? first : LongestWait;
        var wait = asked ?? Least(first * Math.Pow(2, Math.Clamp(failures - 1, 0, 20)), longest) * (0.75 + (random / 2));
        if (remaining > TimeSpan.Zero)
            wait = Least(wait, remaining * 0.7 * (0.75 + (random / 2)));
        return wait > ShortestWait ? wait : ShortestWait;
    }

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static double Share(string deviceId) =>
        BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes("renewal " + deviceId))) / (uint.MaxValue + 1.0);
}
