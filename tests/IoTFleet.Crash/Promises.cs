using System.Collections;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Crash;

/// <summary>What the server promised one device: its readings have running numbers from 0, and each that was acknowledged is noted here.</summary>
internal sealed class Promises(string device)
{
    private readonly Lock _gate = new();
    private readonly BitArray _kept = new(1024);
    private readonly List<string> _wrong = [];
    private int _next;
    private int _acknowledged;

    public string Device => device;

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    public int Sent => Volatile.Read(ref _next);

    /// <returns>The number of the first of so many new readings.</returns>
    public int Number(int readings)
    {
        lock (_gate)
        {
            var first = _next;
            _next += readings;
            while (_kept.Length < _next) _kept.Length *= 2;
            return first;
        }
    }

    public void Acknowledge(int first, int readings)
    {
        lock (_gate)
        {
            for (var i = first; i < first + readings; i++) _kept[i] = true;
            _acknowledged += readings;
        }
    }

    public void Wrong(string what)
    {
        lock (_gate) _wrong.Add($"{device}: {what}");
    }

    /// <summary>A reading as it is sent, without its braces.</summary>
    public static string Body(int number) => $"\"n\":{number},\"check\":{Check(number)},\"pad\":\"{new string('x', 40 + number % 80)}\"";

    /// <param name="records">All that the server has of the device, in the order it gives them.</param>
    /// <param name="ct">Ends the reading.</param>
    /// <returns>What is wrong, a line each.</returns>
    public async Task<Account> CompareAsync(IAsyncEnumerable<TelemetryRecord> records, CancellationToken ct)
    {
        var (stored, last, wrong) = (new Dictionary<int, int>(), -1, new List<string>(_wrong));
        await foreach (var record in records.WithCancellation(ct))
        {
            var number = record.Body.GetProperty("n").GetInt32();
            stored[number] = stored.GetValueOrDefault(number) + 1;
            if (number >= Sent || record.Body.GetProperty("check").GetInt32() != Check(number)) wrong.Add($"{device}: reading {number} was never sent like this: {Short(record.Body)}");
            if (number < last) wrong.Add($"{device}: reading {number} comes after {last}.");
            last = number;
        }
        var lost = Enumerable.Range(0, Sent).Where(number => _kept[number] && !stored.ContainsKey(number)).ToList();
        var twice = stored.Where(entry => entry.Value > 1).Select(entry => entry.Key).Order().ToList();
        if (lost.Count > 0) wrong.Add($"{device}: {lost.Count} acknowledged readings are lost, from {lost[0]} to {lost[^1]}.");
        if (twice.Count > 0) wrong.Add($"{device}: {twice.Count} readings are stored more than once, from {twice[0]} to {twice[^1]}.");
        return new Account(stored.Count, lost.Count, twice.Count, wrong);
    }

    private static int Check(int number) => (int)((uint)number * 2_654_435_761 >> 8);

    private static string Short(JsonElement body)
    {
        var text = body.GetRawText();
        return text.Length < 100 ? text : text[..100];
    }
}

/// <summary>What became of one device's readings.</summary>
internal sealed record Account(int Stored, int Lost, int Twice, IReadOnlyList<string> Wrong);
