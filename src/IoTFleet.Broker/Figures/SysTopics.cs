using System.Globalization;
using System.Reflection;
using System.Text;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Figures;

/// <summary>
/// What the broker says of itself below <c>$SYS/broker</c>, in mosquitto's names: retained, every interval, and only while somebody subscribes to it.
/// The figures are never stored; the averages are kept whether somebody looks or not.
/// </summary>
internal sealed class SysTopics(
    BrokerOptions options, SubscriptionTree tree, Router router, RetainedMessages retained, SessionDirectory sessions, BrokerMetrics metrics,
    Func<TrafficTotals> traffic, TimeProvider clock)
{
    private const string Root = "$SYS";

    private static readonly string Version = typeof(SysTopics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();
    private readonly Dictionary<string, (MovingRate Rate, Func<long> Total)> _loads = Loads(metrics, traffic);
    private long _sampledAt = clock.GetTimestamp();
    private long _mostConnected;

    /// <summary>True for the topics that only the server publishes to.</summary>
    public static bool Holds(TopicName topic) => Holds(topic.Value);

    public static bool Holds(TopicFilter filter) => Holds(filter.Path);

    /// <summary>Called by the sweep.</summary>
    public void PublishWhenDue()
    {
        _mostConnected = Math.Max(_mostConnected, metrics.Connections);
        var elapsed = clock.GetElapsedTime(_sampledAt);
        if (options.SysInterval == TimeSpan.Zero || elapsed < options.SysInterval) return;
        _sampledAt = clock.GetTimestamp();
        foreach (var (rate, total) in _loads.Values) rate.Update(total(), elapsed);
        if (tree.HasBranch(Root)) Publish();
    }

    public void Publish()
    {
        if (options.SysInterval == TimeSpan.Zero) return;
        var now = clock.GetUtcNow();
        foreach (var (name, value) in Figures(now).Concat(LoadFigures())) Publish(new Message
        {
            Topic = TopicName.Parse($"{Root}/broker/{name}"),
            Payload = Encoding.UTF8.GetBytes(value),
            Retain = true,
            ReceivedAt = now,
        });
    }

    private void Publish(Message figure) => router.Route(figure).Deliver();       // not stored, so there is nothing to wait for

    private IEnumerable<(string Name, string Value)> Figures(DateTimeOffset now)
    {
        var (all, held) = (traffic(), sessions.Figures());
        yield return ("version", $"IoTFleet version {Version}");
        yield return ("uptime", $"{Text((long)(now - _startedAt).TotalSeconds)} seconds");
        yield return ("timestamp", now.ToString("O", CultureInfo.InvariantCulture));
        yield return ("clients/connected", Text(metrics.Connections));
        yield return ("clients/disconnected", Text(held.Away));
        yield return ("clients/total", Text(metrics.Connections + held.Away));
        yield return ("clients/maximum", Text(Math.Max(_mostConnected, metrics.Connections)));
        yield return ("clients/expired", Text(held.Expired));
        yield return ("bytes/received", Text(all.Received.Bytes));
        yield return ("bytes/sent", Text(all.Sent.Bytes));
        yield return ("messages/received", Text(all.Received.Packets));
        yield return ("messages/sent", Text(all.Sent.Packets));
        yield return ("messages/inflight", Text(held.InFlight));
        yield return ("publish/messages/received", Text(metrics.MessagesReceived));
        yield return ("publish/messages/sent", Text(metrics.MessagesDelivered));
        yield return ("publish/messages/dropped", Text(metrics.MessagesDropped));
        yield return ("retained messages/count", Text(retained.Count));
        yield return ("store/messages/count", Text(retained.Count + held.Waiting + held.InFlight));
        yield return ("store/messages/bytes", Text(metrics.RetainedBytes));
        yield return ("subscriptions/count", Text(tree.Count));
        yield return ("shared_subscriptions/count", Text(tree.SharedCount));
        yield return ("heap/current", Text(GC.GetTotalMemory(forceFullCollection: false)));
    }

    private IEnumerable<(string Name, string Value)> LoadFigures()
    {
        foreach (var (name, (rate, _)) in _loads)
        {
            yield return ($"load/{name}/1min", Text(rate.OneMinute));
            yield return ($"load/{name}/5min", Text(rate.FiveMinutes));
            yield return ($"load/{name}/15min", Text(rate.FifteenMinutes));
        }
    }

    private static Dictionary<string, (MovingRate Rate, Func<long> Total)> Loads(BrokerMetrics metrics, Func<TrafficTotals> traffic) => new()
    {
        ["messages/received"] = (new(), () => traffic().Received.Packets),
        ["messages/sent"] = (new(), () => traffic().Sent.Packets),
        ["publish/received"] = (new(), () => metrics.MessagesReceived),
        ["publish/sent"] = (new(), () => metrics.MessagesDelivered),
        ["publish/dropped"] = (new(), () => metrics.MessagesDropped),
        ["bytes/received"] = (new(), () => traffic().Received.Bytes),
        ["bytes/sent"] = (new(), () => traffic().Sent.Bytes),
        ["sockets"] = (new(), () => traffic().Sockets),
        ["connections"] = (new(), () => metrics.ClientsSinceStart),
    };

    private static bool Holds(string path) => path.StartsWith(Root, StringComparison.Ordinal) && (path.Length == Root.Length || path[Root.Length] == '/');

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(double number) => number.ToString("0.00", CultureInfo.InvariantCulture);
}
