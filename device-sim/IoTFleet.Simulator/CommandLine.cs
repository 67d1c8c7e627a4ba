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

    private readonly Option<int> _devices = Of("--devices", "How many devices to simulate", 25);
    private readonly Option<double?> _rate = Of<double?>("--rate", "Messages a second of each device (default 1; a replay goes as fast as the acks)");
    private readonly Option<TimeSpan?> _duration = Of<TimeSpan?>("--duration", "How long to send, such as 60s or 5m (default: to the end or Ctrl-C)");
    private readonly Option<string?> _replay = Of<string?>("--replay", "A CSV file with a header to send instead of made-up values");
    private readonly Option<string?> _deviceColumn = Of<string?>("--device-column", "The column that names a row's device");
    private readonly Option<string?> _timeColumn = Of<string?>("--time-column", "The column that says when a row was measured");
    private readonly Option<double?> _speed = Of<double?>("--speed", "Send rows this many times faster than the time column says");
    private readonly Option<string> _data = Of("--data", "The folder for the devices' keys, and for the demo's server", "demo-data");
    private readonly Option<bool> _fresh = Of<bool>("--fresh", "New keys, in memory only: every device enrols again");
    private readonly Option<string?> _report = Of<string?>("--report", "Write all figures to this file, as JSON");

    private readonly Option<int> _mqttPort = Of("--mqtt-port", "Port of MQTT over TLS", 8883);
    private readonly Option<int> _httpsPort = Of("--https-port", "Port of REST, EST and console", 8443);
    private readonly Option<string?> _serverDll = Of<string?>("--server-dll", "A built IoTFleet.Server.dll (default: build it from the source tree)");
    private readonly Option<bool> _noRestart = Of<bool>("--no-restart", "Do not start the server again when it dies");

    private readonly Option<Uri?> _server = Of<Uri?>("--server", "The server, such as https://host:8443");
    private readonly Option<string?> _root = Of<string?>("--root", "The server's root certificate, a PEM file");
    private readonly Option<string?> _fingerprint = Of<string?>("--fingerprint", "SHA-256 of the server's root certificate, instead of --root");
    private readonly Option<string?> _apiKeyFile = Of<string?>("--api-key-file", "The file that holds an operator's API key");
    private readonly Option<string?> _serverData = Of<string?>("--server-data", "The data folder of a server on this machine, instead of all these");

    public CommandLine(IAnsiConsole console, TextWriter errors, TimeProvider clock)
    {
        (_console, _errors, _clock) = (console, errors, clock);
        (_duration.CustomParser, _server.CustomParser) = (ParseDuration, ParseAddress);
        Option[] load = [_devices, _rate, _duration, _replay, _deviceColumn, _timeColumn, _speed, _data, _fresh, _report];
        Demo = NewCommand("demo", "Start a server and send it the telemetry of a simulated fleet",
            [.. load, _mqttPort, _httpsPort, _serverDll, _noRestart], DemoAsync);
        Run = NewCommand("run", "Send the same telemetry to a server that runs already",
            [.. load, _mqttPort, _server, _root, _fingerprint, _apiKeyFile, _serverData], RunAsync);
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
        catch (OperationCanceledException) when (signal.Stop.IsCancellationRequested)
        {
            return Fail("Stopped before there was a verdict.", StoppedEarly);
        }
        catch (Exception e) when (e is SimulatorException or ReplayException or ApiProblemException or ServerUnreachableException
            or FormatException or IOException or UnauthorizedAccessException)
        { return Fail(e.Message, Failed); }
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

    private static Command NewCommand(string name, string description, Option[] options, Func<ParseResult, Task<int>> run)
    {
        var command = new Command(name, description);
        foreach (var option in options) command.Options.Add(option);
        command.SetAction((parsed, _) => run(parsed)); // signals come through StopSignal
        return command;
    }

    private static Option<T> Of<T>(string name, string description) => new(name) { Description = description };

    private static Option<T> Of<T>(string name, string description, T otherwise) =>
        new(name) { Description = description, DefaultValueFactory = _ => otherwise };
}
