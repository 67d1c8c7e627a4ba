using System.Diagnostics;
using System.Runtime.InteropServices;

namespace IoTFleet.Benchmarks.Load;

/// <summary>A fleet's real load: many devices, each of which seldom says something, one message after the other at even distances.</summary>
internal sealed partial class PacedLoad(string folder, int port, int devices, int messagesPerSecond, int seconds, string? json = null) : Workload(folder, port)
{
    private const int IdsRemembered = 64;

    public override async Task PrepareAsync()
    {
        await ConnectAllAsync(devices);
        for (var number = 0; number < devices; number++)
        {
            var device = Clients[number];
            device.UseTopic($"devices/{DeviceId(number)}/telemetry", qos: 1, json);
            (device.SentAt, device.AnswerTimes) = (new long[IdsRemembered], Latencies);
        }
    }

    public override async Task<int> RunAsync()
    {
        var each = messagesPerSecond * seconds / devices;
        var answered = Clients.Select(device => device.AnsweredAsync(device.Answers + each).AsTask()).ToArray();
        await Task.Factory.StartNew(() => Send(each * devices), TaskCreationOptions.LongRunning);
        await Task.WhenAll(answered);
        return each * devices;
    }

    private void Send(int count)
    {
        var (start, distance) = (Stopwatch.GetTimestamp(), (double)Stopwatch.Frequency / messagesPerSecond);
        for (var i = 0; i < count; i++)
        {
            SleepUntil(start + (long)(i * distance));
            var device = Clients[i % devices];
            device.AddPublish(Stopwatch.GetTimestamp(), i % devices);
            device.Flush();
        }
    }

    private static void SleepUntil(long then)
    {
        var left = (then - Stopwatch.GetTimestamp()) * 1_000_000_000L / Stopwatch.Frequency;
        if (left > 0) _ = Sleep(new TimeSpec(left / 1_000_000_000L, left % 1_000_000_000L), 0);
    }

    /// <summary>The runtime's own timers and sleeps know whole milliseconds only.</summary>
    [LibraryImport("libc", EntryPoint = "nanosleep")]
    private static partial int Sleep(in TimeSpec duration, nint remaining);

    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);
}
