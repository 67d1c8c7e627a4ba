using System.CommandLine;
using System.CommandLine.Parsing;
using IoTFleet.Api;
using Spectre.Console;

namespace IoTFleet.Simulator;

/// <summary>The two commands and their options. Exit codes: 0 nothing lost, 1 something lost or failed, 2 wrong usage, 130 stopped early.</summary>
internal sealed class CommandLine
{
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int StoppedEarly = 130;

    private readonly IAnsiConsole _console;
    private readonly TextWriter _errors;
    private readonly TimeProvider _clock;

    private readonly Option<int> _devices = new("--devices") { Description = "How many devices to simulate", DefaultValueFactory = _ => 25 };
    private readonly Option<double?> _rate = new("--rate") { Description = "Messages a second of each device (default 1; a replay goes as fast as the acks)" };
    private readonly Option<TimeSpan?> _duration = new("--duration") { Description = "How long to send, such as 60s or 5m (default: until Ctrl-C or the file ends)", CustomParser = ParseDuration };
    private readonly Option<string?> _replay = new("--replay") { Description = "A CSV file with a header to send instead of made-up values" };
    private readonly Option<string?> _deviceColumn = new("--device-column") { Description = "The column that names a row's device" };
    private readonly Option<string?> _timeColumn = new("--time-column") { Description = "The column that says when a row was measured" };
    private readonly Option<double?> _speed = new("--speed") { Description = "Send rows this many times faster than the time column says" };
    private readonly Option<string> _data = new("--data") { Description = "The folder for the devices' keys, and for the demo's server", DefaultValueFactory = _ => "demo-data" };
    private readonly Option<bool> _fresh = new("--fresh") { Description = "New keys, in memory only: every device enrols again" };
    private readonly Option<string?> _report = new("--report") { Description = "Write all figures to this file, as JSON" };

    private readonly Option<int> _mqttPort = new("--mqtt-port") { Description = "Port of MQTT over TLS", DefaultValueFactory = _ => 8883 };
    private readonly Option<int> _httpsPort = new("--https-port") { Description = "Port of REST, EST and console", DefaultValueFactory = _ => 8443 };
    private readonly Option<string?> _serverDll = new("--server-dll") { Description = "A built IoTFleet.Server.dll (default: build it from this source tree)" };
    private readonly Option<bool> _noRestart = new("--no-restart") { Description = "Do not start the server again when it dies" };

    private readonly Option<Uri?> _server = new("--server") { Description = "The server, such as https://host:8443", CustomParser = ParseAddress };
    private readonly Option<string?> _root = new("--root") { Description = "The server's root certificate, a PEM file" };
    private readonly Option<string?> _fingerprint = new("--fingerprint") { Description = "SHA-256 of the server's root certificate, instead of --root" };
    private readonly Option<string?> _apiKeyFile = new("--api-key-file") { Description = "The file that holds an operator's API key" };
    private readonly Option<string?> _serverData = new("--server-data") { Description = "The data folder of a server on this machine, instead of the four above" };

    public CommandLine(IAnsiConsole console, TextWriter errors, TimeProvider clock)
    {
        (_console, _errors, _clock) = (console, errors, clock);
        Option[] load = [_devices, _rate, _duration, _replay, _deviceColumn, _timeColumn, _speed, _data, _fresh, _report];
        Demo = NewCommand("demo", "Start a server and send it the telemetry of a simulated fleet", [.. load, _mqttPort, _httpsPort, _serverDll, _noRestart]);
        Run = NewCommand("run", "Send the same telemetry to a server that runs already", [.. load, _mqttPort, _server, _root, _fingerprint, _apiKeyFile, _serverData]);
        Demo.SetAction((parsed, _) => DemoAsync(parsed));
        Run.SetAction((parsed, _) => RunAsync(parsed));
    }

    private Command Demo { get; }

    private Command Run { get; }

    public async Task<int> InvokeAsync(string[] arguments)
    {
        var parsed = Parse(arguments);
        if (parsed.Errors.Count > 0) return Refuse(parsed.Errors[0].Message);
        // Signals are ours: the first Ctrl-C ends the sending, not the process.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
    }

    public ParseResult Parse(string[] arguments) => new RootCommand("Simulated IoT devices for an IoTFleet server.") { Demo, Run }.Parse(arguments);

    public Scenario ScenarioOf(ParseResult parsed) => new()
    {
        Devices = parsed.GetValue(_devices),
        Rate = parsed.GetValue(_rate),
        Duration = parsed.GetValue(_duration),
        Replay = parsed.GetValue(_replay) is { } file ? ReplayOf(parsed, file) : null,
        DataFolder = parsed.GetValue(_data)!,
        Fresh = parsed.GetValue(_fresh),
        ReportFile = parsed.GetValue(_report),
    };

    private ReplayOptions ReplayOf(ParseResult parsed, string file) => new()
    {
        File = file,
        DeviceColumn = parsed.GetValue(_deviceColumn),
        TimeColumn = parsed.GetValue(_timeColumn),
        Speed = parsed.GetValue(_speed),
    };

    private Task<int> DemoAsync(ParseResult parsed)
    {
        var scenario = ScenarioOf(parsed);
        var server = new DemoServer
        {
            MqttPort = parsed.GetValue(_mqttPort),
            HttpsPort = parsed.GetValue(_httpsPort),
            ServerDll = parsed.GetValue(_serverDll),
            Restart = !parsed.GetValue(_noRestart),
        };
        return GuardAsync(scenario, server.FindProblem(), new DemoCommand(scenario, server, _console, _clock).RunAsync);
    }

    private Task<int> RunAsync(ParseResult parsed)
    {
        var scenario = ScenarioOf(parsed);
        var server = new RunningServer
        {
            DataFolder = parsed.GetValue(_serverData),
            Server = parsed.GetValue(_server),
            RootFile = parsed.GetValue(_root),
            Fingerprint = parsed.GetValue(_fingerprint),
            ApiKeyFile = parsed.GetValue(_apiKeyFile),
            MqttPort = parsed.GetValue(_mqttPort),
        };
        return GuardAsync(scenario, server.FindProblem(), new RunCommand(scenario, server, _console, _clock).RunAsync);
    }

    private async Task<int> GuardAsync(Scenario scenario, string? serverProblem, Func<StopSignal, Task<int>> run)
    {
        if ((scenario.FindProblem() ?? serverProblem ?? OpenFiles.FindProblem(scenario.Devices)) is { } problem) return Refuse(problem);
        using var signal = new StopSignal();
        try { return await run(signal); }
        catch (OperationCanceledException) when (signal.Stop.IsCancellationRequested) { return Fail("Stopped before there was a verdict.", StoppedEarly); }
        catch (Exception e) when (e is SimulatorException or ReplayException or ApiProblemException or ServerUnreachableException
            or FormatException or IOException or UnauthorizedAccessException) { return Fail(e.Message, Failed); }
    }

    private int Refuse(string problem) => Fail($"{problem} See --help.", WrongUsage);

    private int Fail(string message, int code)
    {
        _errors.WriteLine(message);
        return code;
    }

    private static TimeSpan? ParseDuration(ArgumentResult argument)
    {
        var text = argument.Tokens[0].Value;
        if (Duration.TryParse(text, out var duration)) return duration;
        argument.AddError($"--duration takes a length of time such as 60s, 5m or 1h, not '{text}'.");
        return null;
    }

    private static Uri? ParseAddress(ArgumentResult argument)
    {
        var text = argument.Tokens[0].Value;
        if (Uri.TryCreate(text, UriKind.Absolute, out var address)) return address;
        argument.AddError($"--server takes an address such as https://host:8443, not '{text}'.");
        return null;
    }

    private static Command NewCommand(string name, string description, Option[] options)
    {
        var command = new Command(name, description);
        foreach (var option in options) command.Options.Add(option);
        return command;
    }
}
