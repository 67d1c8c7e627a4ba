using System.CommandLine;
using IoTFleet.Crash;
using IoTFleet.Crash.Mutants;
using IoTFleet.Crash.Soak;

// dotnet run -c Release --project tests/IoTFleet.Crash -- --cycles 200 [--database sqlite|postgresql] [--devices N] [--seed N] [--moment NAME] [--mutant NAME]
//
// The real server under load from devices, killed without a word again and again. Afterwards REST is asked for everything: ends with 0 when each
// acknowledged message is stored, none twice, in order, and with 1 otherwise. With a mutant, a store that breaks the promise in one way, it must end with 1.

var cycles = new Option<int>("--cycles") { Description = "How often the server is killed", DefaultValueFactory = _ => 200 };
var devices = new Option<int>("--devices") { Description = "Devices that send", DefaultValueFactory = _ => 20 };
var seed = new Option<int>("--seed") { Description = "Of the moments of death", DefaultValueFactory = _ => 1 };
var mutant = new Option<string?>("--mutant") { Description = $"A defect that must be found: {string.Join(", ", Mutant.Names)}" };
mutant.AcceptOnlyFromAmong([.. Mutant.Names]);
var database = new Option<string>("--database") { Description = "PostgreSQL gets a cluster of its own, which is killed, too", DefaultValueFactory = _ => "sqlite" };
database.AcceptOnlyFromAmong("sqlite", "postgresql");
var moment = new Option<Moment?>("--moment") { Description = "Every life ends like this, instead of all kinds in turn" };
var root = new RootCommand("Kills the server under load, and asks afterwards whether it kept what it promised.") { cycles, database, devices, seed, moment, mutant };
root.SetAction(async (given, ct) =>
{
    var settings = new CrashSettings(given.GetValue(cycles), given.GetValue(devices), given.GetValue(seed), given.GetValue(mutant)) { Only = given.GetValue(moment), OnPostgreSql = given.GetValue(database) == "postgresql" };
    await using var run = new CrashRun(settings, Console.Out);
    return await run.RunAsync(ct) ? 0 : 1;
});

var defect = new Option<string>("--mutant") { Required = true };
var data = new Option<string>("--data") { Required = true };
var serve = new Command("serve", "The server with a defective store; for the run itself.") { defect, data };
serve.Hidden = true;
serve.SetAction((given, ct) => MutantServer.RunAsync(given.GetValue(defect)!, given.GetValue(data)!, ct));
root.Add(serve);

// dotnet run -c Release --project tests/IoTFleet.Crash -- soak --minutes 60 [--devices 50] [--seed N] [--mutant NAME]
//
// Devices with the SDK behind a bad network and a server that dies: ends with 0 and STEADY when every one of them is connected again afterwards, has sent what it held, each
// promised message is stored once and in order, and neither memory nor open handles have grown.
var minutes = new Option<double>("--minutes") { Description = "For how long network and server are bad", DefaultValueFactory = _ => 60 };
var soaked = new Option<int>("--devices") { Description = "Devices, of five kinds in turn: outbox in memory or on disk, restarted or not, and with power cuts", DefaultValueFactory = _ => 50 };
var weather = new Option<int>("--seed") { Description = "Of network, weather and devices", DefaultValueFactory = _ => 1 };
var settle = new Option<int>("--settle") { Description = "Seconds that devices may take afterwards to be connected and to hold nothing", DefaultValueFactory = _ => 120 };
var fault = new Option<SoakMutant?>("--mutant") { Description = "A defect that must be found" };
var soak = new Command("soak", "Devices behind a bad network and a server that dies: none may stay away, none may lose a message, none may grow.") { minutes, soaked, weather, settle, fault };
soak.SetAction(async (given, ct) =>
{
    var settings = new SoakSettings(TimeSpan.FromMinutes(given.GetValue(minutes)), given.GetValue(soaked), given.GetValue(weather))
    {
        Settle = TimeSpan.FromSeconds(given.GetValue(settle)),
        Mutant = given.GetValue(fault),
    };
    await using var run = new SoakRun(settings, Console.Out);
    return await run.RunAsync(ct) ? 0 : 1;
});
root.Add(soak);

return await root.Parse(args).InvokeAsync();
