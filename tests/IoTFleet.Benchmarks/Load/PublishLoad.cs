using System.Diagnostics;

namespace IoTFleet.Benchmarks.Load;

/// <summary>
/// Devices that publish as fast as the broker takes it, each with a window of messages that are on their way. With a subscriber a window is
/// over when all of it was acknowledged and has come to the subscriber, so that no queue grows in the broker.
/// </summary>
internal sealed class PublishLoad(string folder, int port, int devices, int qos, int window, int messagesEach, bool subscriber, string? json = null) : Workload(folder, port)
{
    private Arrivals[] _arrivals = [];

    public override async Task PrepareAsync()
    {
        await ConnectAllAsync(devices);
        _arrivals = [.. Clients.Select(_ => new Arrivals(window))];
        for (var number = 0; number < devices; number++)
        {
            Clients[number].UseTopic($"devices/{DeviceId(number)}/telemetry", qos, json);
            if (subscriber) continue;
            (Clients[number].SentAt, Clients[number].AnswerTimes) = (new long[2 * window], Latencies);
        }

        if (subscriber) await SubscribeAsync();
    }

    public override async Task<int> RunAsync()
    {
        await Task.WhenAll(Enumerable.Range(0, devices).Select(number => Task.Run(() => PublishAsync(Clients[number], number))));
        return devices * messagesEach;
    }

    private Task PublishAsync(LoadClient device, int number) => qos == 0 ? FloodAsync(device, number) : subscriber ? InWindowsAsync(device, number) : SlidingAsync(device, number);

    private async Task FloodAsync(LoadClient device, int number)
    {
        for (var sent = 0; sent < messagesEach; sent += window)
        {
            for (var i = 0; i < window; i++) device.AddPublish(0, number);
            await device.FlushAsync();
        }

        await device.PingAsync();       // answered when all before it was read
    }

    private async Task SlidingAsync(LoadClient device, int number)
    {
        var answeredBefore = device.Answers;
        for (var sent = 0; sent < messagesEach;)
        {
            var room = Math.Min(window - (sent - (device.Answers - answeredBefore)), messagesEach - sent);
            for (var i = 0; i < room; i++) device.AddPublish(Stopwatch.GetTimestamp(), number);
            sent += room;
            await device.FlushAsync();
            await device.ReadAsync();
        }

        await device.AnsweredAsync(answeredBefore + messagesEach);
    }

    private async Task InWindowsAsync(LoadClient device, int number)
    {
        for (var sent = 0; sent < messagesEach; sent += window)
        {
            var answers = device.Answers + window;
            var arrived = _arrivals[number].Expect();
            for (var i = 0; i < window; i++) device.AddPublish(Stopwatch.GetTimestamp(), number);
            await device.FlushAsync();
            await device.AnsweredAsync(answers);
            await arrived;
        }
    }

    private async Task SubscribeAsync()
    {
        var all = await ConnectAsync("service");
        Clients.Add(all);
        await all.SubscribeAsync("#", qos: 1);
        all.Received = payload =>
        {
            Latencies.Add(BitConverter.ToInt64(payload));
            _arrivals[BitConverter.ToInt32(payload[8..])].Add();
        };
        _ = Task.Run(async () =>
        {
            try
            {
                while (true) await all.ReadAsync();
            }
            catch (Exception gone) when (gone is IOException or ObjectDisposedException)
            {
                // The run is over.
            }
        });
    }

    /// <summary>Tells one publisher that a whole window of its messages has come to the subscriber.</summary>
    private sealed class Arrivals(int window)
    {
        private TaskCompletionSource _all = new();
        private int _missing;

        public Task Expect()
        {
            _all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _missing, window);
            return _all.Task;
        }

        public void Add()
        {
            if (Interlocked.Decrement(ref _missing) == 0) _all.SetResult();
        }
    }
}
