using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Cli;

/// <summary>
/// Which server, how it is known, and whose key: from options, else from the environment, else from the data folder of a server on
/// this machine. The key itself is only ever read from a file: a command line can be seen by everybody on the machine.
/// </summary>
internal sealed class Connection(Func<string, string?> environment)
{
    private readonly Option<string?> _server = Global("--server", "The server, such as https://fleet.example:8443 (IOTFLEET_SERVER)");
    private readonly Option<string?> _root = Global("--root", "The server's root certificate, a PEM file (IOTFLEET_ROOT)");
    private readonly Option<string?> _fingerprint = Global("--fingerprint", "SHA-256 of that certificate, instead of --root (IOTFLEET_FINGERPRINT)");
    private readonly Option<string?> _apiKeyFile = Global("--api-key-file", "The file that holds your API key (IOTFLEET_API_KEY_FILE)");
    private readonly Option<string?> _data = Global("--data", "The data folder of a server on this machine; stands for all of these (IOTFLEET_DATA)");

    public IEnumerable<Option> Options => [_server, _root, _fingerprint, _apiKeyFile, _data];

    /// <exception cref="UsageException">Something is missing or cannot be read.</exception>
    /// <exception cref="ServerUnreachableException">The server must be asked for its root, and does not answer.</exception>
    public async Task<FleetClient> OpenAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var local = ReadLocal(Value(parsed, _data, "IOTFLEET_DATA"));
        var server = ServerOf(Value(parsed, _server, "IOTFLEET_SERVER"), local);
        var apiKey = ReadApiKey(Value(parsed, _apiKeyFile, "IOTFLEET_API_KEY_FILE") ?? local?.ApiKeyFile);
        return new FleetClient(server, apiKey, await TrustAsync(parsed, local, server, cancellationToken));
    }

    private async Task<ServerTrust> TrustAsync(ParseResult parsed, ServerFile? local, Uri server, CancellationToken cancellationToken)
    {
        var (root, fingerprint) = (parsed.GetValue(_root), parsed.GetValue(_fingerprint));
        if (root is null && fingerprint is null) (root, fingerprint) = (environment("IOTFLEET_ROOT"), environment("IOTFLEET_FINGERPRINT"));
        if (root is not null && fingerprint is not null) throw new UsageException("Give the root file or its fingerprint, not both.");
        if (fingerprint is not null) return await FromFingerprintAsync(server, fingerprint, cancellationToken);
        return FromFile(root ?? local?.RootFile
            ?? throw new UsageException("How is the server known? Give --root FILE, --fingerprint HEX, or --data DIR on the server's own machine."));
    }

    private static async Task<ServerTrust> FromFingerprintAsync(Uri server, string fingerprint, CancellationToken cancellationToken)
    {
        try { return await ServerTrust.FromRootFingerprintAsync(server, fingerprint, cancellationToken); }
        catch (FormatException e) { throw new UsageException(e.Message); }
    }

    private static ServerTrust FromFile(string path)
    {
        try { return ServerTrust.FromRootFile(path); }
        catch (CryptographicException) { throw new UsageException($"{path} holds no certificate in PEM form."); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The root certificate cannot be read: {e.Message}");
        }
    }

    private static Uri ServerOf(string? text, ServerFile? local)
    {
        if (text is null && local is not null) return new Uri($"https://localhost:{local.HttpsPort}");
        if (text is null) throw new UsageException("Which server? Give --server https://host:8443, or --data DIR on the server's own machine.");
        return Uri.TryCreate(text, UriKind.Absolute, out var server) && server.Scheme == Uri.UriSchemeHttps
            ? server
            : throw new UsageException($"--server must be an https address such as https://fleet.example:8443, not '{text}'.");
    }

    private static string ReadApiKey(string? path)
    {
        if (path is null) throw new UsageException("Whose key? Give --api-key-file FILE: the file that holds your API key.");
        try { return File.ReadAllText(path).Trim(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The API key cannot be read: {e.Message}");
        }
    }

    private static ServerFile? ReadLocal(string? folder)
    {
        if (folder is null) return null;
        try
        {
            return ServerFile.TryRead(folder)
                ?? throw new UsageException($"No server runs on {folder}: it has no {ServerFile.FileName}. Start it, or give --server.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new UsageException($"{Path.Combine(folder, ServerFile.FileName)} cannot be read: {e.Message}");
        }
    }

    private string? Value(ParseResult parsed, Option<string?> option, string variable) => parsed.GetValue(option) ?? environment(variable);

    private static Option<string?> Global(string name, string description) => new(name) { Description = description, Recursive = true };
}
