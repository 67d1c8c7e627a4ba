using System.Net;
using System.Net.Sockets;
using IoTFleet.Fleet.Enrolment;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Server.Est;

/// <summary>What keeps one peer, or all of them at once, from taking the authority's time. Refusals here cost no look into the database and no row of the audit.</summary>
internal sealed class EnrolmentLimits(EnrolmentOptions options, TimeProvider clock, ILogger<EnrolmentLimits> logger)
{
    private static readonly Refused TooMany = new(EnrolRefusalKind.TooMany, "too-many-requests", "Too many requests from this address; try again later.");
    private static readonly Refused TooManyByClaim = new(EnrolRefusalKind.TooMany, "too-many-by-claim", "Too many requests by this claim certificate; try again later.");
    private static readonly Refused TooManyWrong = new(EnrolRefusalKind.TooMany, "too-many-wrong-tokens", "Too many unknown tokens from this address; try again later.");
    private static readonly Refused Busy = new(EnrolRefusalKind.TryLater, "authority-busy", "The authority is busy; try again in a moment.");

    private readonly RateBuckets _addresses = new(options.RequestsPerMinute, clock);
    private readonly RateBuckets _claims = new(options.RequestsPerMinuteByClaim, clock);
    private readonly TokenGuesses _guesses = new(options.WrongTokensPerMinute, clock);
    private int _underWay;

    public Refused? TakeRequest(IPAddress? address) => _addresses.Take(NetworkOf(address)) is { } wait ? TooMany with { RetryAfter = wait } : null;

    public Refused? TakeClaim(string serial) => _claims.Take(serial) is { } wait ? TooManyByClaim with { RetryAfter = wait } : null;

    /// <summary>Before a token is looked at: whether this address has guessed too often. The try must be settled or disposed.</summary>
    public async Task<(TokenGuesses.Try? Try, Refused? Refused)> TakeGuessAsync(IPAddress? address, CancellationToken ct)
    {
        var (taken, wait) = await _guesses.TakeAsync(NetworkOf(address), ct);
        return taken is null ? (null, TooManyWrong with { RetryAfter = wait }) : (taken, null);
    }

    public void Settle(TokenGuesses.Try guess, bool isWrong, IPAddress? address)
    {
        if (guess.Settle(isWrong) && isWrong) logger.TokensGuessed(NetworkOf(address), options.WrongTokensPerMinute);
    }

    /// <returns>False when as many are under way as may be; else <see cref="Leave"/> must follow.</returns>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _underWay) <= options.MaxConcurrent) return true;
        Interlocked.Decrement(ref _underWay);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _underWay);

    /// <summary>Each is told another time, so that those turned away together do not come back together.</summary>
    public static Refused BusyNow() => Busy with { RetryAfter = TimeSpan.FromSeconds(Random.Shared.Next(1, 10)) };

    private static string NetworkOf(IPAddress? address)
    {
        if (address is null) return "?";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address.ToString();
        var bytes = address.GetAddressBytes();
        Array.Clear(bytes, 8, 8);
        return new IPAddress(bytes) + "/64";
    }
}
