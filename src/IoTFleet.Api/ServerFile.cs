using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>
/// <c>server.json</c> in a server's data folder: where it listens and how to trust it. Written when the server is ready, removed when it
/// stops cleanly; it holds no secret, only the paths of files that do.
/// </summary>
public sealed record ServerFile
{
    /// <summary>The file's name inside the data folder.</summary>
    public const string FileName = "server.json";

    /// <summary>The server's process id: a file whose process is gone was left by a crash.</summary>
    public required int ProcessId { get; init; }

    /// <summary>Port of MQTT over mutual TLS.</summary>
    public required int MqttPort { get; init; }

    /// <summary>Port of HTTPS: REST, EST and console.</summary>
    public required int HttpsPort { get; init; }

    /// <summary>SHA-256 of the root certificate, lower-case hex.</summary>
    public required string RootFingerprint { get; init; }

    /// <summary>Path of the root certificate, PEM.</summary>
    public required string RootFile { get; init; }

    /// <summary>Path of the file that holds the first administrator's API key, mode 0600.</summary>
    public required string ApiKeyFile { get; init; }

    /// <summary>Reads the file of a data folder.</summary>
    /// <param name="dataFolder">The server's data folder.</param>
    /// <returns>The file, or null while there is none.</returns>
    /// <exception cref="JsonException">The file is not what a server writes.</exception>
    public static ServerFile? TryRead(string dataFolder)
    {
        var path = Path.Combine(dataFolder, FileName);
        if (!File.Exists(path)) return null;
        return JsonSerializer.Deserialize(File.ReadAllText(path), ApiJson.Default.ServerFile);
    }
}
