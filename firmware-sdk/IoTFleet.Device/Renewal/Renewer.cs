using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Renewal;

/// <summary>
/// Renews the certificate in good time, beside the connection.
/// <code>
/// wait for the window -> next key -> signing request, by the identity in use -> certificate -> next slot of the key store
///   -> the connection is made anew with it -> the server lets it in -> it takes the old one's place
/// </code>
/// Each step is durable before the next, and each may be repeated: the next key stays the same, and for the same key the server gives the same certificate.
/// </summary>
internal sealed class Renewer(DeviceOptions options, IdentitySlots slots, DeviceTrust trust, Action reconnect, Func<double> random)
{
    private static readonly TimeSpan LongestSleep = TimeSpan.FromDays(1);

    private readonly RenewalClient _server = new(options, trust);
    private RenewalAdvice? _advice;
    private DateTimeOffset? _renewedAt;                        // the first second of a short-lived certificate may be long past when it is issued
    private DateTimeOffset _askAgainAt;
    private int _failures;

    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            while (!stopping.IsCancellationRequested)
                await StepAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            // The client is disposed.
        }
    }

    /// <summary>Renews at once; what a device does whose certificate has ended, before it may connect.</summary>
    public async Task<RenewalAnswer> RenewAsync(CancellationToken cancellation)
    {
        var current = slots.Current;
        using var key = await options.KeyStore.OpenNextKeyAsync(cancellation);
        var answer = await _server.RenewAsync(current, key, cancellation);
        if (answer is not RenewalAnswer.Renewed renewed)
            return answer;

        var enrolled = new EnrolledCertificate(renewed.Certificate, current.TrustAnchors);
        var next = DeviceIdentity.Create(key, enrolled, trust, options);
        await options.KeyStore.SaveNextAsync(enrolled, cancellation);
        slots.SetNext(next);
        _advice = renewed.Advice;
        _renewedAt = trust.Time.Now;
        _askAgainAt = _renewedAt.Value + AtLeast(renewed.Advice?.RetryAfter ?? TimeSpan.Zero);
        if (renewed.TrustBundle is { } bundle)
            await trust.TryTakeAsync(bundle, next.Fleet, cancellation);
        return answer;
    }

    private async Task StepAsync(CancellationToken stopping)
    {
        if (slots.NextIsRefused)
        {
            await slots.DiscardNextAsync(stopping);
            await WaitAsync(AfterFailure(null), stopping);
        }

        if (slots.HasNext)                                     // it has to be let in first, which is the connection's work
        {
            await slots.FinishAsync(stopping);                 // or it was, and the store could not put it in its place
            await WaitAsync(AfterFailure(null), stopping);
            return;
        }

        await AskForAdviceAsync(stopping);
        var due = _advice is { } advice ? RenewalTimes.Within(advice, options.DeviceId) : Unadvised();
        var now = trust.Time.Now;
        if (due > now)
        {
            await WaitAsync(_advice is not null && _askAgainAt < due && _askAgainAt > now ? _askAgainAt - now : due - now, stopping);
            return;
        }

        await OnAnswerAsync(await TryAsync(stopping), stopping);
    }

    private async Task<RenewalAnswer> TryAsync(CancellationToken stopping)
    {
        try
        {
            return await RenewAsync(stopping);
        }
        catch (DeviceException error)                          // the server did not prove itself, or the store is full: both may pass
        {
            trust.Tell(error);
            return new RenewalAnswer.Later(error.Message, null);
        }
    }

    private async Task OnAnswerAsync(RenewalAnswer answer, CancellationToken stopping)
    {
        if (answer is RenewalAnswer.Renewed)
        {
            _failures = 0;
            reconnect();
            return;
        }

        if (answer is RenewalAnswer.Refused refused)
            trust.Tell(new DeviceException(DeviceError.RenewalRefused, $"{options.Server.Authority} refused to renew the certificate of {options.DeviceId}, which ends {slots.Current.ExpiresAt:u}: {refused.Code}: {refused.Reason}"));
        await WaitAsync(AfterFailure((answer as RenewalAnswer.Later)?.After), stopping);
    }

    private async Task AskForAdviceAsync(CancellationToken stopping)
    {
        if (trust.Time.Now < _askAgainAt)
            return;
        try
        {
            _advice = await _server.AdviceAsync(slots.Current, stopping) ?? _advice;
        }
        catch (DeviceException)
        {
            // Somebody else answers at the server's address. The certificate's own dates will do.
        }

        await CatchUpAsync(stopping);

        // A server that says nothing is asked again when a certificate's hundredth has passed: it may taint an authority any time.
        _askAgainAt = trust.Time.Now + AtLeast(_advice?.RetryAfter ?? (slots.Current.ExpiresAt - slots.Current.StartsAt) / 100);
    }

    private TimeSpan AtLeast(TimeSpan asked) => asked > options.LeastBetweenAdvice ? asked : options.LeastBetweenAdvice;

    /// <summary>The server says that there is a newer trust bundle: it is fetched, and then the server is told, so that a rotation need not wait for the next CONNECT.</summary>
    private async Task CatchUpAsync(CancellationToken stopping)
    {
        if (_advice?.TrustBundleVersion is not { } newest || newest <= (trust.Version ?? 0))
            return;
        try
        {
            var current = slots.Current;
            if (await _server.TrustBundleAsync(current, stopping) is { } bundle && await trust.TryTakeAsync(bundle, current.Fleet, stopping))
                _advice = await _server.AdviceAsync(current, stopping) ?? _advice;
        }
        catch (DeviceException trouble)                        // the server did not prove itself this time
        {
            trust.Tell(trouble);
        }
    }

    private DateTimeOffset Unadvised() => RenewalTimes.Unadvised(options.DeviceId, _renewedAt ?? slots.Current.StartsAt, slots.Current.ExpiresAt);

    private TimeSpan AfterFailure(TimeSpan? asked)
    {
        var current = slots.Current;
        return RenewalTimes.Retry(current.ExpiresAt - (_renewedAt ?? current.StartsAt), current.ExpiresAt - trust.Time.Now, ++_failures, asked, random());
    }

    private Task WaitAsync(TimeSpan wait, CancellationToken stopping) => Task.Delay(wait < LongestSleep ? wait : LongestSleep, options.Clock, stopping);
}
