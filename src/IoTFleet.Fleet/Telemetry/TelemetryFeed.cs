using System.Collections.Immutable;
using System.Threading.Channels;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry;

/// <summary>What has just been stored, for those who watch: live views and rules. A watcher who cannot keep up misses messages and is told how many; the ingest never waits.</summary>
public sealed class TelemetryFeed
{
    private ImmutableArray<Watcher> _watchers = [];

    /// <param name="capacity">Messages that may wait for the watcher.</param>
    public Watcher Watch(int capacity)
    {
        var watcher = new Watcher(this, capacity);
        ImmutableInterlocked.Update(ref _watchers, (all, one) => all.Add(one), watcher);
        return watcher;
    }

    internal void Publish(List<TelemetryMessage> stored)
    {
        foreach (var watcher in _watchers) watcher.Take(stored);
    }

    public sealed class Watcher : IDisposable
    {
        private readonly TelemetryFeed _feed;
        private readonly Channel<TelemetryMessage> _messages;
        private long _missed;

        internal Watcher(TelemetryFeed feed, int capacity)
        {
            _feed = feed;
            _messages = Channel.CreateBounded<TelemetryMessage>(new BoundedChannelOptions(capacity) { SingleReader = true }); // full: the newest is missed
        }

        public ChannelReader<TelemetryMessage> Messages => _messages.Reader;

        /// <summary>Messages that found no room.</summary>
        public long Missed => Interlocked.Read(ref _missed);

        public void Dispose()
        {
            ImmutableInterlocked.Update(ref _feed._watchers, (all, one) => all.Remove(one), this);
            _messages.Writer.TryComplete();
        }

        internal void Take(List<TelemetryMessage> stored)
        {
            foreach (var message in stored)
            {
                if (!_messages.Writer.TryWrite(message)) Interlocked.Increment(ref _missed);
            }
        }
    }
}
