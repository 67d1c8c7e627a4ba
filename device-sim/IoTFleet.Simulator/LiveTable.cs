using Spectre.Console;

namespace IoTFleet.Simulator;

/// <summary>The state of a run at a moment, seen from both sides.</summary>
internal sealed record Snapshot
{
    public required TimeSpan Elapsed { get; init; }
    public required int Devices { get; init; }
    public required int Connected { get; init; }
    public required long Sent { get; init; }
    public required long Acked { get; init; }
    public required long Refused { get; init; }
    public required long Late { get; init; }
    public required long Reconnects { get; init; }
    public required TimeSpan? AckMedian { get; init; }
    public required TimeSpan? AckP99 { get; init; }
    public required bool ServerAnswers { get; init; }
    public required long Stored { get; init; }
    public required long RefusedByServer { get; init; }
}

/// <summary>Shows a run while it goes on: a table in place on a terminal, a line every five seconds in a file.</summary>
internal sealed class LiveTable(IAnsiConsole console, Func<Snapshot> look, TimeProvider clock)
{
    public static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FrameEvery = TimeSpan.FromMilliseconds(500);
    private readonly Throughput _throughput = new();

    /// <summary>Shows until the run is over.</summary>
    public Task RunAsync(Task run)
    {
        _throughput.Of(look());
        return console.Profile.Capabilities.Interactive ? DrawAsync(run) : PrintAsync(run);
    }

    private Task DrawAsync(Task run) => console.Live(Draw()).StartAsync(async live =>
    {
        while (!run.IsCompleted)
        {
            await Task.WhenAny(run, Task.Delay(FrameEvery, clock));
            live.UpdateTarget(Draw());
        }
    });

    private async Task PrintAsync(Task run)
    {
        while (!run.IsCompleted)
        {
            await Task.WhenAny(run, Task.Delay(LineEvery, clock));
            console.WriteLine(Line());
        }
    }

    private Table Draw()
    {
        var now = look();
        var table = new Table().Border(TableBorder.Rounded).HideHeaders().AddColumn("what").AddColumn(new TableColumn("value").RightAligned());
        table.AddRow("time", $"{now.Elapsed:hh\\:mm\\:ss}");
        table.AddRow("devices connected", $"{now.Connected:N0} of {now.Devices:N0}");
        table.AddRow("messages a second", $"{_throughput.Of(now):N1}");
        table.AddRow("sent", $"{now.Sent:N0}");
        table.AddRow("acked", $"{now.Acked:N0}");
        table.AddRow("stored (server)", now.ServerAnswers ? $"{now.Stored:N0}" : "server does not answer");
        table.AddRow("refused (devices, server)", $"{now.Refused:N0}, {now.RefusedByServer:N0}");
        table.AddRow("sent late", $"{now.Late:N0}");
        table.AddRow("reconnects", $"{now.Reconnects:N0}");
        table.AddRow("ack latency, median and 99 %", $"{Milliseconds(now.AckMedian)}, {Milliseconds(now.AckP99)}");
        return table;
    }

    private string Line()
    {
        var now = look();
        var stored = now.ServerAnswers ? $"{now.Stored:N0}" : "unknown (server does not answer)";
        return $"{now.Elapsed:hh\\:mm\\:ss} connected {now.Connected:N0}/{now.Devices:N0}, {_throughput.Of(now):N1} messages/s, "
            + $"sent {now.Sent:N0}, acked {now.Acked:N0}, stored {stored}, refused {now.Refused + now.RefusedByServer:N0}, "
            + $"late {now.Late:N0}, reconnects {now.Reconnects:N0}, ack p50 {Milliseconds(now.AckMedian)} p99 {Milliseconds(now.AckP99)}";
    }

    public static string Milliseconds(TimeSpan? time) => time is { } t ? $"{t.TotalMilliseconds:0.0} ms" : "-";
}

/// <summary>Acknowledged messages a second, over the last few seconds.</summary>
internal sealed class Throughput
{
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(5);
    private readonly Queue<Snapshot> _past = new();

    public double Of(Snapshot now)
    {
        while (_past.Count > 1 && now.Elapsed - _past.Peek().Elapsed > Span) _past.Dequeue();
        var rate = _past.TryPeek(out var then) && now.Elapsed > then.Elapsed
            ? (now.Acked - then.Acked) / (now.Elapsed - then.Elapsed).TotalSeconds
            : 0;
        _past.Enqueue(now);
        return rate;
    }
}
