using System.Collections.Concurrent;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>One command: who sent it, to whom, as the how-manieth, and with which promise.</summary>
internal sealed record Command(string Sender, string Device, int Number, QualityOfService Qos)
{
    public string Text => $"{{\"sender\":\"{Sender}\",\"n\":{Number},\"qos\":{(int)Qos}}}";

    public static Command Parse(string device, ReadOnlySpan<byte> payload)
    {
        using var json = System.Text.Json.JsonDocument.Parse(payload.ToArray());
        var root = json.RootElement;
        return new Command(root.GetProperty("sender").GetString()!, device, root.GetProperty("n").GetInt32(), (QualityOfService)root.GetProperty("qos").GetInt32());
    }
}

/// <summary>What was promised, and what came.</summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<Command, byte> _promised = new();
    private readonly ConcurrentDictionary<string, List<Command>> _arrived = new();
    private readonly ConcurrentQueue<string> _problems = new();

    public int Promised => _promised.Count;

    public int Arrived => _arrived.Values.Sum(list => { lock (list) return list.Count; });

    public void Promise(Command command) => _promised.TryAdd(command, 0);

    public void Arrive(Command command)
    {
        var list = _arrived.GetOrAdd(command.Device, _ => []);
        lock (list) list.Add(command);
    }

    public void Wrong(string problem) => _problems.Enqueue(problem);

    public bool HasAll(string device)
    {
        var arrived = ArrivedAt(device).ToHashSet();
        return _promised.Keys.Where(command => command.Device == device).All(arrived.Contains);
    }

    /// <returns>A line for each promise that was not kept.</returns>
    public IReadOnlyList<string> Account(IEnumerable<string> devices) => [.. _problems, .. devices.SelectMany(Account)];

    public string Summary(IReadOnlyCollection<string> devices)
    {
        var all = devices.SelectMany(ArrivedAt).ToList();
        int Count(QualityOfService qos) => _promised.Keys.Count(command => command.Qos == qos);
        return $"{Promised} commands promised ({Count(QualityOfService.AtLeastOnce)} at QoS 1, {Count(QualityOfService.ExactlyOnce)} at QoS 2), "
            + $"{all.Count} arrived: {all.Count - all.Distinct().Count()} of them again, {all.Distinct().Count(command => !_promised.ContainsKey(command))} without a promise; "
            + $"lost: {_promised.Keys.Except(all).Count()}, QoS 2 more than once: {all.Where(command => command.Qos == QualityOfService.ExactlyOnce).GroupBy(command => command).Count(same => same.Count() > 1)}.";
    }

    private IEnumerable<string> Account(string device)
    {
        var arrived = ArrivedAt(device);
        foreach (var lost in _promised.Keys.Where(command => command.Device == device).Except(arrived)) yield return $"Lost: {lost}";
        foreach (var twice in arrived.Where(command => command.Qos == QualityOfService.ExactlyOnce).GroupBy(command => command).Where(same => same.Count() > 1)) yield return $"{twice.Count()} times: {twice.Key}";
        foreach (var bySender in arrived.Distinct().GroupBy(command => command.Sender))
        {
            var last = 0;
            foreach (var command in bySender)
            {
                if (command.Number < last) yield return $"After number {last}: {command}";
                last = Math.Max(last, command.Number);
            }
        }
    }

    private List<Command> ArrivedAt(string device)
    {
        var list = _arrived.GetOrAdd(device, _ => []);
        lock (list) return [.. list];
    }
}
