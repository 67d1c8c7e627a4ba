using IoTFleet.Api;

namespace IoTFleet.Simulator;

/// <summary>Where the server is and what proves it: all a fleet and its operator need.</summary>
/// <param name="Https">REST, EST and console.</param>
/// <param name="MqttPort">MQTT over mutual TLS, on the same host.</param>
/// <param name="Trust">The root to believe.</param>
/// <param name="ApiKeyFile">The file that holds the operator's API key.</param>
internal sealed record ServerAddress(Uri Https, int MqttPort, ServerTrust Trust, string ApiKeyFile)
{
    /// <summary>The address of a server on this machine, from the file it wrote when it was ready.</summary>
    public static ServerAddress Of(ServerFile file) =>
        new(new Uri($"https://localhost:{file.HttpsPort}"), file.MqttPort, ServerTrust.FromRootFile(file.RootFile), file.ApiKeyFile);

    public FleetClient OpenApi() => new(Https, ReadApiKey(), Trust);

    private string ReadApiKey()
    {
        try { return File.ReadAllText(ApiKeyFile).Trim(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SimulatorException($"The API key cannot be read: {e.Message}", e);
        }
    }
}
