using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Twins;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// What a device says of itself is stored before it is acknowledged, and what it asks for is sent before. What cannot be taken is refused with 0x99, so that a 3.1.1
/// client, which has no word for it, gets its acknowledgement and does not send it for ever.
/// </summary>
internal sealed class TwinSink(StoreReported store, Lazy<TwinRelay> relay) : IDeviceTopic, IDisposable
{
    /// <summary>Reports and questions of all devices under way; who brings one more waits, and so its socket.</summary>
    private const int MaxUnderWay = 1_000;

    private readonly SemaphoreSlim _room = new(MaxUnderWay);

    public string Level => TwinTopics.Level;

    public ValueTask<Acceptance> AcceptAsync(Message message, string deviceId, string below, CancellationToken cancellationToken)
    {
        if (below == TwinTopics.Reported)
            return TwinPatch.TryReadReport(message.Payload, out var patch, out var problem) ? BeginAsync(() => StoreAsync(deviceId, patch), cancellationToken) : Refused(problem);
        if (below == TwinTopics.Get)
            return TwinPatch.TryReadQuestion(message.Payload, out var since, out var problem) ? BeginAsync(() => AnswerAsync(deviceId, since), cancellationToken) : Refused(problem);
        return ValueTask.FromResult(Acceptance.Done);       // the policy lets a device publish nothing else there
    }

    public void Dispose() => _room.Dispose();

    private static ValueTask<Acceptance> Refused(TwinProblem problem) =>
        ValueTask.FromResult(Acceptance.Refused(ReasonCode.PayloadFormatInvalid, problem.Detail, problem.Code));

    private async ValueTask<Acceptance> BeginAsync(Func<Task<LateRefusal?>> work, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        return Acceptance.Judged(RunAsync(work));
    }

    private async Task<LateRefusal?> RunAsync(Func<Task<LateRefusal?>> work)
    {
        try
        {
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);       // the database blocks, and this may be the thread that polls the sockets
            return await work();
        }
        finally
        {
            _room.Release();
        }
    }

    /// <summary>Stored also when the device has gone meanwhile; nobody is left to cancel for.</summary>
    private async Task<LateRefusal?> StoreAsync(string deviceId, TwinPatch patch) =>
        await store.RunAsync(new(deviceId, patch), CancellationToken.None) is StoreReportedResult.Refused { Problem: var problem }
            ? new LateRefusal(ReasonCode.PayloadFormatInvalid, problem.Code, problem.Detail)
            : null;

    private async Task<LateRefusal?> AnswerAsync(string deviceId, long? since)
    {
        await relay.Value.AnswerAsync(deviceId, since);
        return null;
    }
}
