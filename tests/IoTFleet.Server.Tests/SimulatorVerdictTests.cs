using System.Text.Json;
using IoTFleet.Simulator;

namespace IoTFleet.Server.Tests;

public sealed class SimulatorVerdictTests
{
    [Fact]
    public void All_acked_and_stored_once_is_a_clean_verdict() =>
        Assert.Equal(new Verdict(Acked: 3, Stored: 3, Lost: 0, Duplicated: 0, UnackedStored: 0), Verdict.Compare([1, 2, 3], [3, 1, 2]));

    [Fact]
    public void Acked_but_not_stored_is_lost() =>
        Assert.Equal(new Verdict(Acked: 4, Stored: 2, Lost: 2, Duplicated: 0, UnackedStored: 0), Verdict.Compare([1, 2, 3, 4], [1, 3]));

    [Fact]
    public void Stored_twice_or_more_is_one_duplicated_message() =>
        Assert.Equal(new Verdict(Acked: 2, Stored: 2, Lost: 0, Duplicated: 1, UnackedStored: 0), Verdict.Compare([1, 2], [1, 2, 2, 2]));

    [Fact]
    public void Stored_without_an_ack_is_counted_apart() =>
        Assert.Equal(new Verdict(Acked: 1, Stored: 2, Lost: 0, Duplicated: 0, UnackedStored: 1), Verdict.Compare([1], [1, 2]));

    [Fact]
    public void One_lost_and_another_unacked_do_not_cancel_out() =>
        Assert.Equal(new Verdict(Acked: 2, Stored: 2, Lost: 1, Duplicated: 1, UnackedStored: 1), Verdict.Compare([1, 2], [2, 9, 9]));

    [Fact]
    public void Verdicts_of_devices_add_up() =>
        Assert.Equal(new Verdict(5, 6, 2, 2, 2), new Verdict(2, 2, 1, 1, 1) + new Verdict(3, 4, 1, 1, 1));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    public void Exit_code_tells_whether_anything_acked_was_lost(long lost, int exitCode) =>
        Assert.Equal(exitCode, NewReport(new Verdict(10, 9, lost, 5, 0)).ExitCode);

    [Fact]
    public void Report_holds_cost_per_message_and_what_stayed_unacked()
    {
        var report = JsonDocument.Parse(JsonSerializer.Serialize(NewReport(Verdict.Nothing), ReportJson.Default.Report)).RootElement;

        Assert.Equal(2, report.GetProperty("unacked").GetInt64());
        Assert.Equal(200_000, report.GetProperty("serverCpuMicrosecondsPerMessage").GetDouble());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("simulatorCpuMicrosecondsPerMessage").ValueKind);
    }

    private static Report NewReport(Verdict verdict) => new()
    {
        Load = "test",
        StartedAt = default,
        Devices = 1,
        RowsInFile = null,
        ValuesInFile = null,
        ConnectSeconds = 1,
        SteadySeconds = 10,
        Sent = 13,
        Acked = 10,
        Refused = 1,
        RefusedByServer = 1,
        Late = 0,
        Reconnects = 0,
        AckP50Milliseconds = 1,
        AckP95Milliseconds = 2,
        AckP99Milliseconds = 3,
        ServerCpuSeconds = 2,
        ServerMemoryBytes = 1,
        SimulatorCpuSeconds = null,
        Verdict = verdict,
    };
}
