using System.Collections.Concurrent;

namespace IoTFleet.Server.Commands;

/// <summary>Devices that may have open commands, so that the subscription of one that has none costs no look into the database. Wrong only by naming too many.</summary>
internal sealed class WaitingDevices
{
    private readonly ConcurrentDictionary<string, long> _lookOf = new(StringComparer.Ordinal);
    private long _look;

    public bool Contains(string device) => _lookOf.ContainsKey(device);

    public void Add(string device) => _lookOf[device] = Volatile.Read(ref _look);

    /// <summary>Before the database is asked: who is added from here on stays, whatever it says.</summary>
    public void BeginLook() => Interlocked.Increment(ref _look);

    public void EndLook(IReadOnlyList<string> found)
    {
        foreach (var device in found) Add(device);
        foreach (var device in _lookOf.Where(device => device.Value < Volatile.Read(ref _look)).ToList()) _lookOf.TryRemove(device);
    }
}
