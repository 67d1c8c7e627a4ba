using System.CommandLine;
using System.CommandLine.Parsing;
using IoTFleet.Api;
using IoTFleet.Cli.Commands;
using IoTFleet.Pki;

namespace IoTFleet.Cli;

/// <summary>What a command does once the server is found: talk to it, and print.</summary>
internal delegate Task CommandAction(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken);

/// <summary>The <c>iotfleet</c> command: nouns and verbs over the REST API. An error is one line on standard error and an exit code.</summary>
internal sealed class CommandLine
{
    private readonly TextWriter _output;
    private readonly TextWriter _errors;
    private readonly Func<ParseResult, CancellationToken, Task<FleetClient>> _open;
    private readonly RootCommand _root = new("Operates an IoTFleet server.");
    private readonly Option<string> _format = new("--output", "-o")
    {
        Description = "table or json",
        DefaultValueFactory = _ => "table",
        Recursive = true,
    };

    public CommandLine(TextWriter output, TextWriter errors, Connection connection)
        : this(output, errors, connection, connection.OpenAsync)
    {
    }

    /// <summary>With a client of the caller's making, whatever the command line says of the server: for tests.</summary>
    internal CommandLine(
        TextWriter output, TextWriter errors, Connection connection, Func<ParseResult, CancellationToken, Task<FleetClient>> open)
    {
        (_output, _errors, _open) = (output, errors, open);
        _format.AcceptOnlyFromAmong("table", "json");
        _root.Options.Add(_format);
        foreach (var option in connection.Options) _root.Options.Add(option);
        foreach (var noun in Nouns()) _root.Subcommands.Add(noun);
    }

    public Task<int> InvokeAsync(string[] arguments)
    {
        var parsed = _root.Parse(arguments);
        var settings = new InvocationConfiguration { Output = _output, Error = _errors, EnableDefaultExceptionHandler = false };
        if (parsed.Errors.Count == 0) return parsed.InvokeAsync(settings);
        return Task.FromResult(Fail($"{parsed.Errors[0].Message} See {FullName(parsed.CommandResult)} --help.", ExitCodes.WrongUsage));
    }

    private static string FullName(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{FullName(parent)} {command.Command.Name}" : "iotfleet";

    private IEnumerable<Command> Nouns() =>
    [
        OverviewCommand.Create(Verb), DeviceCommands.Create(Verb), TokenCommands.Create(Verb), GroupCommands.Create(Verb), ClaimCommands.Create(Verb),
        ManufacturerCommands.Create(Verb), .. ApprovalCommands.Create(Verb), ImportCommand.Create(Verb),
        Authorities(), ServiceCommands.Create(Verb), TelemetryCommands.Create(Verb), QuarantineCommands.Create(Verb),
        RuleCommands.Create(Verb), AlertCommands.Create(Verb), WebhookCommands.Create(Verb), CommandCommands.Create(Verb), TwinCommands.Create(Verb),
        CertificateCommands.Create(Verb), RefusalCommand.Create(Verb),
        AuditCommands.Create(Verb), LogCommands.Create(Verb),
        .. RevocationCommands.Create(Verb), OperatorCommands.Create(Verb),
    ];

    private Command Authorities()
    {
        var noun = new Command("ca", "The fleet's certificate authorities and their rotation");
        noun.Subcommands.Add(RevocationCommands.RevokeAuthority(Verb));
        foreach (var verb in AuthorityFolderCommands.Create(LocalVerb)) noun.Subcommands.Add(verb);
        foreach (var verb in AuthorityCommands.Create(Verb)) noun.Subcommands.Add(verb);
        return noun;
    }

    private Command Verb(string name, string description, Symbol[] inputs, CommandAction action)
    {
        var command = With(new Command(name, description), inputs);
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, async output =>
        {
            using var fleet = await _open(parsed, cancellationToken);
            await action(parsed, fleet, output, cancellationToken);
        }));
        return command;
    }

    private Command LocalVerb(string name, string description, Symbol[] inputs, Action<ParseResult, Output> action)
    {
        var command = With(new Command(name, description), inputs);
        command.SetAction((parsed, _) => RunAsync(parsed, output =>
        {
            action(parsed, output);
            return Task.CompletedTask;
        }));
        return command;
    }

    private static Command With(Command command, Symbol[] inputs)
    {
        foreach (var input in inputs)
        {
            if (input is Argument argument) command.Arguments.Add(argument);
            else command.Options.Add((Option)input);
        }
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, Func<Output, Task> action)
    {
        try
        {
            await action(new Output(_output, parsed.GetValue(_format) == "json"));
            return ExitCodes.Done;
        }
        catch (ApiProblemException e) { return Fail(e.Message, ExitCodes.Refused); }
        catch (Exception e) when (e is KeyFileException or ProfileViolationException or UnsoundException) { return Fail(e.Message, ExitCodes.Refused); }
        catch (UsageException e) { return Fail(e.Message, ExitCodes.WrongUsage); }
        catch (ServerUnreachableException e) { return Fail(e.Message, ExitCodes.Unreachable); }
        catch (OperationCanceledException) { return Fail("Interrupted.", ExitCodes.Interrupted); }
    }

    private int Fail(string message, int exitCode)
    {
        _errors.WriteLine(message.ReplaceLineEndings(" "));
        return exitCode;
    }
}

/// <summary>Makes one verb of a noun.</summary>
internal delegate Command VerbFactory(string name, string description, Symbol[] inputs, CommandAction action);

/// <summary>Makes one verb that needs no server.</summary>
internal delegate Command LocalVerbFactory(string name, string description, Symbol[] inputs, Action<ParseResult, Output> action);
