using IoTFleet.Cli;

var cli = new CommandLine(Console.Out, Console.Error, new Connection(Environment.GetEnvironmentVariable));
return await cli.InvokeAsync(args);
