using System.Net;
using IoTFleet.Broker;
using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Server.Diagnosis;

/// <summary>
/// Looks for devices that exist twice. Two holders of one identity throw each other out whenever they connect: a session that changes hands between different
/// addresses so many times in so short a while is not one device that roams.
/// </summary>
internal sealed class CloneWatch(MqttBroker broker, LineageGuard guard, RenewalOptions options, TimeProvider clock, ILogger<CloneWatch> logger) : BackgroundService
{
    internal const int Suspicious = 3;
    internal static readonly TimeSpan Within = TimeSpan.FromSeconds(60);
    private const int MaxWatched = 10_000;

    private readonly Dictionary<string, List<DateTimeOffset>> _takeovers = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var takeover in broker.Takeovers.ReadAllAsync(stoppingToken))
        {
            try
            {
                if (IsSuspicious(takeover)) await guard.OnTakeoversAsync(takeover.ClientId, Describe(takeover), options.OnClone, stoppingToken);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                logger.CloneNotNoted(error, takeover.ClientId);      // the two go on, and are seen again
            }
        }
    }

    private bool IsSuspicious(Takeover takeover)
    {
        // A service's client ids are its own to share between machines, and one address is one device whose old connection was lost.
        if (!DeviceName.IsValid(takeover.ClientId) || Equals(Plain(takeover.From), Plain(takeover.To))) return false;
        var now = clock.GetUtcNow();
        if (_takeovers.Count >= MaxWatched) Forget(now);
        if (!_takeovers.TryGetValue(takeover.ClientId, out var times)) _takeovers[takeover.ClientId] = times = [];
        times.RemoveAll(at => at <= now - Within);
        times.Add(now);
        if (times.Count < Suspicious) return false;
        times.Clear();
        return true;
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var old in _takeovers.Where(one => one.Value.TrueForAll(at => at <= now - Within)).Select(one => one.Key).ToList()) _takeovers.Remove(old);
        if (_takeovers.Count >= MaxWatched) _takeovers.Clear();
    }

    private static string Describe(Takeover takeover) => $"{Suspicious} takeovers within {Within.TotalSeconds:0} s between {Plain(takeover.From)} and {Plain(takeover.To)}";

    private static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
