using IoTFleet.Simulator;
using Spectre.Console;

var console = AnsiConsole.Console;
if (Console.IsOutputRedirected) console.Profile.Width = 1000; // a file has no edge to wrap at
return await new CommandLine(console, Console.Error, TimeProvider.System).InvokeAsync(args);
