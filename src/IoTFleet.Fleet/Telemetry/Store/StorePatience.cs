using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>
/// Tries what the store refuses again, ever more seldom and without end: a database that is down, slow, full or in somebody's way comes back, and
/// until then devices wait. Everything it is used for may be done twice, so an outcome that is unknown needs no care. What it waits for is said to the health check.
/// </summary>
internal sealed class StorePatience(TelemetryHealth health, TimeProvider clock, ILogger<StorePatience> log)
{
    private readonly ResiliencePipeline _retry = new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = outcome => ValueTask.FromResult(outcome.Outcome.Exception is { } error && !outcome.Context.CancellationToken.IsCancellationRequested && IsWorthIt(error)),
        MaxRetryAttempts = int.MaxValue,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromMilliseconds(20),
        MaxDelay = TimeSpan.FromSeconds(2),
        UseJitter = true,
        OnRetry = attempt =>
        {
            var what = attempt.Context.OperationKey!;
            health.Failed(what, attempt.Outcome.Exception!);
            FleetLog.TelemetryRetried(log, what, attempt.AttemptNumber + 1, attempt.Outcome.Exception!.Message);
            return ValueTask.CompletedTask;
        },
    }).Build();

    /// <param name="what">Names the work to the operator.</param>
    /// <param name="work">May be done twice.</param>
    /// <param name="ct">Ends the patience, between two attempts or in one.</param>
    internal async Task RunAsync(string what, Func<CancellationToken, ValueTask> work, CancellationToken ct)
    {
        var context = ResilienceContextPool.Shared.Get(what, ct);
        try
        {
            await _retry.ExecuteAsync(attempt => work(attempt.CancellationToken), context);
            health.Succeeded(what);
        }
        catch (Exception error) when (!ct.IsCancellationRequested) // Not worth another attempt, and not to be kept from the operator: it stays until the same succeeds.
        {
            health.Failed(what, error);
            throw;
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Damaged data and our own faults do not mend themselves.</summary>
    private static bool IsWorthIt(Exception error) => error is not (InvalidDataException or ArgumentException or NullReferenceException or OutOfMemoryException);
}
