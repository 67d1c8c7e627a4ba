using System.CommandLine;
using IoTFleet.Server;

DeviceTransport.CompleteOnPollingThreads();

var data = new Option<string?>("--data") { Description = "Folder for authorities, keys and database (default: ./data)", HelpName = "DIR" };
var hosts = new Option<string[]>("--host") { Description = "Name or address that devices reach this server by, beside localhost; may be given more than once", HelpName = "NAME" };
var mqttPort = new Option<int?>("--mqtt-port") { Description = "Port of MQTT over mutual TLS; 0 takes any free one (default: 8883)", HelpName = "PORT" };
var httpsPort = new Option<int?>("--https-port") { Description = "Port of EST, REST and the console; 0 takes any free one (default: 8443)", HelpName = "PORT" };
var statusPort = new Option<int?>("--status-port") { Description = "Port of revocation lists and OCSP, plain HTTP for third parties; 0 takes any free one, -1 none (default: 8880)", HelpName = "PORT" };
var fleet = new Option<string?>("--fleet") { Description = "Domain of the fleet, part of every identity (default: fleet.local)", HelpName = "DOMAIN" };
var newKey = new Option<bool>("--new-admin-key") { Description = "Make another administrator API key, show it once and keep it in admin.key" };
var root = new RootCommand("IoTFleet server: MQTT broker with mutual TLS, certificate authority, EST, REST and console. Every setting can also be given in appsettings.json or as an environment variable such as IoTFleet__MqttPort.")
{
    data, hosts, mqttPort, httpsPort, statusPort, fleet, newKey,
};

root.SetAction(async (given, cancellationToken) =>
{
    var settings = new Dictionary<string, string?>();
    if (given.GetValue(data) is { } folder) settings["IoTFleet:Data"] = folder;
    if (given.GetValue(fleet) is { } domain) settings["IoTFleet:Fleet"] = domain;
    if (given.GetValue(mqttPort) is { } mqtt) settings["IoTFleet:MqttPort"] = $"{mqtt}";
    if (given.GetValue(httpsPort) is { } https) settings["IoTFleet:HttpsPort"] = $"{https}";
    if (given.GetValue(statusPort) is { } status) settings["IoTFleet:StatusPort"] = $"{status}";
    if (given.GetValue(newKey)) settings["IoTFleet:NewAdministratorKey"] = "true";
    foreach (var (index, host) in (given.GetValue(hosts) ?? []).Index()) settings[$"IoTFleet:Hosts:{index}"] = host;
    return await RunAsync(settings, cancellationToken);
});

// The server ends by its host's own signal handling, so that it can drain for as long as it needs.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

static async Task<int> RunAsync(Dictionary<string, string?> settings, CancellationToken cancellationToken)
{
    try
    {
        await using var server = await FleetServer.StartAsync(settings, cancellationToken: cancellationToken);
        server.Report.Print(Console.Out);
        await server.WaitForShutdownAsync();
        return 0;
    }
    catch (StartupException problem)
    {
        await Console.Error.WriteLineAsync(problem.Message);
        return 1;
    }
}
