using System.Text;
using IoTFleet.Broker;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Alerts;

/// <summary>
/// Delivers what waits, beside the senders of other nodes: each delivery is claimed first. Each receiver has a lane of its own, one delivery after the other, so that a slow one delays nobody else;
/// lanes are bounded by the number of webhooks. What fails waits longer each time and is dead in the end, for an operator to replay.
/// </summary>
internal sealed class AlertSender(
    DeliveryQueue queue, RuleSignals signals, WebhookCall call, MqttBroker broker, WebhookOptions options, TimeProvider clock, ILogger<AlertSender> logger) : BackgroundService
{
    private const int MaxTaken = 50;
    private const int MaxProblem = 500;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);
    private static readonly TimeSpan ForgetEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(2);

    /// <summary>The call, and time to write down how it ended. Nodes' clocks must not be further apart than this.</summary>
    private static readonly TimeSpan LeaseBeyondCall = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, Task> _lanes = new(StringComparer.Ordinal);
    private DateTimeOffset _forgetAt;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = LookEvery;
            try
            {
                await LookAsync(stoppingToken);
                pause = await PauseAsync(stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested) // the database; what waits goes on waiting
            {
                logger.AlertsNotDelivered(error);
            }
            await WaitAsync(pause, stoppingToken);
        }
        await Task.WhenAll(_lanes.Values);
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        foreach (var receiver in await queue.ReceiversAsync(stoppingToken))
        {
            var lane = receiver ?? "";
            if (!_lanes.TryGetValue(lane, out var busy) || busy.IsCompleted) _lanes[lane] = Task.Run(() => RunLaneAsync(receiver, stoppingToken), CancellationToken.None);
        }
        foreach (var ended in _lanes.Where(lane => lane.Value.IsCompleted).Select(lane => lane.Key).ToList()) _lanes.Remove(ended);
        if (clock.GetUtcNow() < _forgetAt) return;
        await queue.ForgetAsync(stoppingToken);
        _forgetAt = clock.GetUtcNow() + ForgetEvery;
    }

    /// <summary>Until the next is due; a lane that is at work looks for itself.</summary>
    private async Task<TimeSpan> PauseAsync(CancellationToken stoppingToken)
    {
        if (await queue.NextAsync(stoppingToken) is not { } next) return LookEvery;
        var wait = next - clock.GetUtcNow();
        var soonest = TimeSpan.FromMilliseconds(_lanes.Count > 0 ? 1_000 : 10);
        return wait < soonest ? soonest : wait < LookEvery ? wait : LookEvery;
    }

    private async Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        await Task.WhenAny(signals.Deliveries.WaitToReadAsync(over.Token).AsTask(), Task.Delay(pause, clock, over.Token));
        signals.Deliveries.TryRead(out _);
        await over.CancelAsync();
    }

    private async Task RunLaneAsync(string? receiver, CancellationToken stoppingToken)
    {
        try
        {
            for (var due = await queue.DueAsync(receiver, MaxTaken, stoppingToken); due.Count > 0; due = await queue.DueAsync(receiver, MaxTaken, stoppingToken))
            {
                foreach (var one in due)
                {
                    if (await queue.ClaimAsync(one, options.Timeout + LeaseBeyondCall, stoppingToken) is { } claimed) await DeliverAsync(claimed, stoppingToken);
                }
            }
        }
        catch (Exception error) when (!stoppingToken.IsCancellationRequested) // the outermost frame of a lane; the next look begins another
        {
            logger.AlertsNotDelivered(error);
        }
        catch (Exception) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops, perhaps with the database away: what was not written down as delivered comes again.
        }
    }

    private async Task DeliverAsync(ClaimedDelivery claimed, CancellationToken stoppingToken)
    {
        var (delivery, result) = (claimed.Delivery, await TryAsync(claimed, stoppingToken));
        var now = clock.GetUtcNow();
        (delivery.Attempts, delivery.LastAttemptAt, delivery.LastStatus) = (delivery.Attempts + 1, now, result.Status);
        delivery.LastProblem = result.Problem is { Length: > MaxProblem } problem ? problem[..MaxProblem] : result.Problem;
        if (result.Problem is null) delivery.State = DeliveryState.Delivered;
        else if (IsOver(delivery, result, now)) Bury(delivery);
        else delivery.NextAttemptAt = now + PauseAfter(delivery.Attempts, result.RetryAfter);
        await queue.RecordAsync(claimed, stoppingToken);
    }

    private async Task<CallResult> TryAsync(ClaimedDelivery claimed, CancellationToken stoppingToken)
    {
        try
        {
            return claimed.Delivery.WebhookId is null ? await PublishAsync(claimed.Delivery) : await call.SendAsync(claimed, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            using var patience = new CancellationTokenSource(StopPatience, clock);
            await queue.ReleaseAsync(claimed, patience.Token); // the next start need not wait until the claim runs out
            throw;
        }
    }

    private bool IsOver(AlertDelivery delivery, CallResult result, DateTimeOffset now) =>
        result.IsGone || delivery.Attempts >= options.MaxAttempts || now - delivery.StartedAt >= options.MaxAge;

    private void Bury(AlertDelivery delivery)
    {
        delivery.State = DeliveryState.Dead;
        logger.DeliveryDead(delivery.Id, delivery.WebhookId ?? "MQTT", delivery.Attempts, delivery.LastProblem!);
    }

    /// <summary>Twice as long each time, less up to a quarter, so that many do not come back at once. A receiver that asks for more time gets it, up to an hour.</summary>
    private TimeSpan PauseAfter(int attempts, TimeSpan? retryAfter)
    {
        var pause = Math.Min(options.FirstPause.TotalSeconds * Math.Pow(2, attempts - 1), LongestPause.TotalSeconds) * (1 - (Random.Shared.NextDouble() / 4));
        return TimeSpan.FromSeconds(Math.Min(Math.Max(pause, retryAfter?.TotalSeconds ?? 0), LongestPause.TotalSeconds));
    }

    /// <summary>At QoS 1: completes when each durable session that is to get it has it stored.</summary>
    private async Task<CallResult> PublishAsync(AlertDelivery delivery)
    {
        try
        {
            await broker.PublishAsync(new Message
            {
                Topic = TopicName.Parse(delivery.Topic),
                Payload = Encoding.UTF8.GetBytes(delivery.Body),
                Qos = QualityOfService.AtLeastOnce,
                Properties = new PropertyBlock { ContentType = "application/json", UserProperties = [new("delivery", delivery.Id), new("event", delivery.Event)] },
                ReceivedAt = clock.GetUtcNow(),
            });
            return new CallResult(null, null, null);
        }
        catch (Exception problem) // whatever the sessions' store said; the notice is tried again
        {
            return new CallResult(null, problem.Message, null);
        }
    }
}
