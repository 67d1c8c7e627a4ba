using IoTFleet.Api;

namespace IoTFleet.Simulator;

/// <summary>What the server kept of what it had acknowledged, read back through the API a customer would use.</summary>
/// <param name="Acked">Messages acknowledged to the devices.</param>
/// <param name="Stored">Different messages of this run in the database.</param>
/// <param name="Lost">Acknowledged, but not in the database: must be 0.</param>
/// <param name="Duplicated">Messages in the database more than once.</param>
/// <param name="UnackedStored">In the database without an acknowledgement: stored just when the connection or the run ended.</param>
internal sealed record Verdict(long Acked, long Stored, long Lost, long Duplicated, long UnackedStored)
{
    private const int DevicesAtOnce = 8;

    public static readonly Verdict Nothing = new(0, 0, 0, 0, 0);

    public static Verdict operator +(Verdict left, Verdict right) => new(
        left.Acked + right.Acked, left.Stored + right.Stored, left.Lost + right.Lost,
        left.Duplicated + right.Duplicated, left.UnackedStored + right.UnackedStored);

    /// <summary>Reads every device's telemetry and compares.</summary>
    /// <param name="fleet">The server's API.</param>
    /// <param name="devices">The devices, disconnected or at rest.</param>
    /// <param name="onDevice">Told after each device.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<Verdict> ReachAsync(
        FleetClient fleet, IEnumerable<VirtualDevice> devices, Action onDevice, CancellationToken cancellationToken)
    {
        var gate = new Lock();
        var sum = Nothing;
        var options = new ParallelOptions { MaxDegreeOfParallelism = DevicesAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(devices, options, async (device, stop) =>
        {
            var verdict = Compare(device.AckedSequences, await ReadStoredAsync(fleet, device, stop));
            lock (gate) sum += verdict;
            onDevice();
        });
        return sum;
    }

    /// <summary>Compares one device's acknowledged messages with its stored ones.</summary>
    /// <param name="acked">Sequence numbers, each once.</param>
    /// <param name="stored">Sequence numbers, as often as they are stored.</param>
    public static Verdict Compare(IReadOnlyList<long> acked, IReadOnlyList<long> stored)
    {
        var copies = stored.CountBy(sequence => sequence).ToDictionary();
        var lost = acked.Count(sequence => !copies.ContainsKey(sequence));
        var duplicated = copies.Values.Count(count => count > 1);
        return new Verdict(acked.Count, copies.Count, lost, duplicated, copies.Count - (acked.Count - lost));
    }

    private static async Task<List<long>> ReadStoredAsync(FleetClient fleet, VirtualDevice device, CancellationToken cancellationToken)
    {
        var stored = new List<long>();
        await foreach (var record in fleet.GetTelemetryAsync(device.Id, device.EarliestTime, cancellationToken: cancellationToken))
        {
            if (record.Sequence >= device.FirstSequence) stored.Add(record.Sequence.Value);
        }
        return stored;
    }
}
