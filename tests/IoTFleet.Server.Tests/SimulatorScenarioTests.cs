using IoTFleet.Simulator;
using Spectre.Console;

namespace IoTFleet.Server.Tests;

public sealed class SimulatorScenarioTests
{
    private readonly StringWriter _errors = new();

    [Fact]
    public void Demo_without_options_is_25_devices_at_one_message_a_second_until_stopped()
    {
        var scenario = Parse("demo");

        Assert.Null(scenario.FindProblem());
        Assert.Equal((25, null, null, "demo-data", false), (scenario.Devices, scenario.Rate, scenario.Duration, scenario.DataFolder, scenario.Fresh));
    }

    [Fact]
    public void Replay_options_reach_the_scenario()
    {
        var replay = Parse("demo", "--replay", "x.csv", "--device-column", "device", "--time-column", "t", "--speed", "60").Replay;

        Assert.Equal(new ReplayOptions { File = "x.csv", DeviceColumn = "device", TimeColumn = "t", Speed = 60 }, replay);
    }

    [Theory]
    [InlineData("90", 90)]
    [InlineData("60s", 60)]
    [InlineData("500ms", 0.5)]
    [InlineData("2m", 120)]
    [InlineData("1.5h", 5400)]
    [InlineData("1d", 86400)]
    public void Duration_is_read_as_people_type_it(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Parse("demo", "--duration", text).Duration);

    [Theory]
    [InlineData("--duration", "soon", "--duration takes a length of time such as 60s")]
    [InlineData("--duration", "1hm", "--duration takes a length of time such as 60s")]
    [InlineData("--duration", "0s", "--duration must be above 0")]
    [InlineData("--devices", "0", "--devices must be 1 to 20000, not 0")]
    [InlineData("--devices", "many", "many")]
    [InlineData("--rate", "0", "--rate must be above 0 and at most 1000 messages a second, not 0")]
    [InlineData("--mqtt-port", "70000", "--mqtt-port must be 0 (any) to 65535, not 70000")]
    [InlineData("--server-dll", "/nowhere.dll", "--server-dll: there is no file /nowhere.dll")]
    [InlineData("--replay", "/nowhere.csv", "--replay needs --device-column")]
    public async Task Wrong_option_is_refused_with_its_name_and_range(string option, string value, string message)
    {
        Assert.Equal(CommandLine.WrongUsage, await NewCommandLine().InvokeAsync(["demo", option, value]));

        Assert.Contains(message, _errors.ToString());
    }

    [Theory]
    [InlineData("there is no file /nowhere.csv", "--replay", "/nowhere.csv", "--device-column", "d")]
    [InlineData("--speed needs --time-column", "--replay", "/dev/null", "--device-column", "d", "--speed", "2")]
    [InlineData("give one of them", "--replay", "/dev/null", "--device-column", "d", "--time-column", "t", "--speed", "2", "--rate", "1")]
    public void Replay_that_cannot_run_says_what_is_missing(string message, params string[] options) =>
        Assert.Contains(message, Parse(["demo", .. options]).FindProblem());

    [Theory]
    [InlineData("run needs --server")]
    [InlineData("must be an https address", "--server", "http://host")]
    [InlineData("--root FILE or --fingerprint HEX", "--server", "https://host:8443")]
    [InlineData("one of them", "--server", "https://host:8443", "--root", "r", "--fingerprint", "f")]
    [InlineData("run needs --api-key-file", "--server", "https://host:8443", "--root", "r")]
    public async Task Run_without_all_it_needs_says_what(string message, params string[] options)
    {
        Assert.Equal(CommandLine.WrongUsage, await NewCommandLine().InvokeAsync(["run", .. options]));

        Assert.Contains(message, _errors.ToString());
    }

    [Fact]
    public void Made_up_devices_start_spread_over_one_period()
    {
        using var load = Load.Of(new Scenario { Devices = 4, Rate = 2 });

        Assert.Equal(["sim-00001", "sim-00002", "sim-00003", "sim-00004"], load.DeviceIds);
        Assert.Equal([0, 0.125, 0.25, 0.375], load.DeviceIds.Select(id => load.MessagesOf(id).First().Due!.Value.TotalSeconds));
        Assert.Equal(0.625, load.MessagesOf("sim-00002").Skip(1).First().Due!.Value.TotalSeconds);
    }

    [Theory]
    [InlineData("Max open files            1024                 524288               files", 1024)]
    [InlineData("Max open files            unlimited            unlimited            files", null)]
    [InlineData("Max processes             95952                95952                processes", null)]
    public void Limit_of_open_files_is_the_soft_one(string line, int? limit) => Assert.Equal(limit, (int?)OpenFiles.Limit([line]));

    private Scenario Parse(params string[] arguments)
    {
        var commandLine = NewCommandLine();
        return commandLine.ScenarioOf(commandLine.Parse(arguments));
    }

    private CommandLine NewCommandLine() => new(AnsiConsole.Console, _errors, TimeProvider.System);
}
