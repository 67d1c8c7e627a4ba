using System.Globalization;

namespace IoTFleet.Simulator;

/// <summary>What the simulated fleet does. Its server is not part of it: see <see cref="DemoCommand"/> and <see cref="RunCommand"/>.</summary>
internal sealed record Scenario
{
    /// <summary>The most devices one process drives: each is a connection, and a client address has about 28,000 ports.</summary>
    public const int MaximumDevices = 20_000;

    public const double DefaultRate = 1;

    /// <summary>How many devices to make up; a replay takes them from its file instead.</summary>
    public int Devices { get; init; } = 25;

    /// <summary>Messages a second of one device. Null: <see cref="DefaultRate"/>, or for a replay as fast as the acks allow.</summary>
    public double? Rate { get; init; }

    /// <summary>How long to send; null until stopped, or until the replayed file ends.</summary>
    public TimeSpan? Duration { get; init; }

    public ReplayOptions? Replay { get; init; }

    /// <summary>Where the devices keep their keys and certificates between runs: below <c>devices</c> in this folder.</summary>
    public string DataFolder { get; init; } = "demo-data";

    /// <summary>New keys, in memory only: every device enrols again.</summary>
    public bool Fresh { get; init; }

    public string? ReportFile { get; init; }

    /// <summary>The first thing wrong with the scenario, in words for its user; null when it can run.</summary>
    public string? FindProblem()
    {
        if (Devices is < 1 or > MaximumDevices) return $"--devices must be 1 to {MaximumDevices}, not {Devices}.";
        if (Rate is not (null or > 0 and <= 1000)) return $"--rate must be above 0 and at most 1000 messages a second, not {Rate}.";
        if (Duration <= TimeSpan.Zero) return "--duration must be above 0.";
        return Replay?.FindProblem(Rate);
    }
}

/// <summary>A CSV file to play back: one device for each distinct value of a column.</summary>
internal sealed record ReplayOptions
{
    public required string File { get; init; }

    public string? DeviceColumn { get; init; }

    public string? TimeColumn { get; init; }

    /// <summary>How much faster than the time column the rows are sent; null ignores the times.</summary>
    public double? Speed { get; init; }

    public string? FindProblem(double? rate)
    {
        if (DeviceColumn is null) return "--replay needs --device-column: the column that names the device of a row.";
        if (!System.IO.File.Exists(File)) return $"--replay: there is no file {File}.";
        if (Speed <= 0) return "--speed must be above 0.";
        if (Speed is not null && TimeColumn is null) return "--speed needs --time-column: the column that says when a row was measured.";
        if (Speed is not null && rate is not null) return "--speed and --rate both say when to send; give one of them.";
        return null;
    }
}

/// <summary>Lengths of time as people type them: <c>60s</c>, <c>2m</c>, <c>1.5h</c>, <c>500ms</c>; a bare number is seconds.</summary>
internal static class Duration
{
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var digits = text.TrimEnd('m', 's', 'h', 'd');
        if (!double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)) return false;
        var seconds = text[digits.Length..] switch { "" or "s" => 1, "ms" => 0.001, "m" => 60, "h" => 3600, "d" => 86400, _ => double.NaN };
        if (!(count * seconds <= TimeSpan.FromDays(3650).TotalSeconds)) return false; // NaN too
        duration = TimeSpan.FromSeconds(count * seconds);
        return true;
    }
}
