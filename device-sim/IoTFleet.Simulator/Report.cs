using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace IoTFleet.Simulator;

/// <summary>Everything a run measured. Times of the steady part: from the first message to the last answer, all devices connected.</summary>
internal sealed record Report
{
    public required string Load { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required int Devices { get; init; }
    public required long? RowsInFile { get; init; }
    public required long? ValuesInFile { get; init; }
    public required double ConnectSeconds { get; init; }
    public required double SteadySeconds { get; init; }
    public required long Sent { get; init; }
    public required long Acked { get; init; }
    public required long Refused { get; init; }
    public required long RefusedByServer { get; init; }
    public required long Late { get; init; }
    public required long Reconnects { get; init; }
    public required double? AckP50Milliseconds { get; init; }
    public required double? AckP95Milliseconds { get; init; }
    public required double? AckP99Milliseconds { get; init; }

    /// <summary>Null when the server is on another machine or was started again during the run.</summary>
    public required double? ServerCpuSeconds { get; init; }
    public required long? ServerMemoryBytes { get; init; }
    public required double? SimulatorCpuSeconds { get; init; }
    public required Verdict Verdict { get; init; }

    public long Unacked => Sent - Acked - Refused;

    public double MessagesPerSecond => SteadySeconds > 0 ? Acked / SteadySeconds : 0;

    public double? ServerCpuMicrosecondsPerMessage => PerMessage(ServerCpuSeconds);

    public double? SimulatorCpuMicrosecondsPerMessage => PerMessage(SimulatorCpuSeconds);

    /// <summary>The process's exit code: 0 when nothing acknowledged was lost.</summary>
    [JsonIgnore]
    public int ExitCode => Verdict.Lost == 0 ? 0 : 1;

    public void Save(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, ReportJson.Default.Report) + "\n");

    public void Print(IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("verdict").AddColumn(new TableColumn("messages").RightAligned());
        foreach (var (name, count) in Counts()) table.AddRow(name, $"{count:N0}");
        console.Write(table);
        foreach (var line in Figures()) console.WriteLine(line);
    }

    private IEnumerable<(string Name, long Count)> Counts() =>
    [
        ("sent", Sent), ("acked", Acked), ("stored", Verdict.Stored), ("lost", Verdict.Lost), ("duplicated", Verdict.Duplicated),
        ("unacked", Unacked), ("unacked, yet stored", Verdict.UnackedStored), ("refused", Refused),
    ];

    private IEnumerable<string> Figures()
    {
        if (RowsInFile is not null) yield return $"The file has {RowsInFile:N0} rows with {ValuesInFile:N0} values; {Sent:N0} rows were sent.";
        yield return $"{MessagesPerSecond:N1} messages/s over {SteadySeconds:N1} s; {Late:N0} sent late; {Reconnects:N0} reconnects; "
            + $"{Devices:N0} devices connected in {ConnectSeconds:N1} s.";
        yield return $"Ack latency: p50 {AckP50Milliseconds:0.0} ms, p95 {AckP95Milliseconds:0.0} ms, p99 {AckP99Milliseconds:0.0} ms.";
        if (ServerCpuMicrosecondsPerMessage is not null)
            yield return $"Server: {ServerCpuMicrosecondsPerMessage:N0} µs of CPU a message, {ServerMemoryBytes / 1048576:N0} MB resident.";
        if (SimulatorCpuMicrosecondsPerMessage is not null)
            yield return $"Simulator: {SimulatorCpuMicrosecondsPerMessage:N0} µs of CPU a message.";
        yield return $"Verdict: sent {Sent}, acked {Acked}, stored {Verdict.Stored}, lost {Verdict.Lost}, duplicated {Verdict.Duplicated}.";
    }

    private double? PerMessage(double? seconds) => Acked > 0 ? seconds * 1e6 / Acked : null;
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(Report))]
internal sealed partial class ReportJson : JsonSerializerContext;
