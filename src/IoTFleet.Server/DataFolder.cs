using System.Security;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Pki;

namespace IoTFleet.Server;

/// <summary>The one folder a server keeps everything in. Held by one process at a time.</summary>
internal sealed class DataFolder : IDisposable
{
    private readonly FileStream _lock;

    private DataFolder(string path, FileStream held)
    {
        Path = path;
        _lock = held;
    }

    public string Path { get; }

    public string Authorities => In("ca");

    public string Tls => In("tls");

    public string Database => In("fleet.db");

    public string Telemetry => In("telemetry.db");

    /// <summary>What is acknowledged and not yet in the tables.</summary>
    public string TelemetryLog => In("telemetry-log.db");

    public string Sessions => In("sessions.db");

    /// <summary>Where the first administrator's key is kept; 0600.</summary>
    public string AdministratorKey => In("admin.key");

    /// <summary>Keys that protect the console's cookies.</summary>
    public string CookieKeys => In("console-keys");

    /// <summary>The newest revocation that this node has put into force.</summary>
    public string RevocationSequence => In("revocations.sequence");

    private string Ready => In(ServerFile.FileName);

    /// <exception cref="StartupException">The folder cannot be made, written, or is in use by another server.</exception>
    public static DataFolder Open(string folder)
    {
        var path = System.IO.Path.GetFullPath(folder);
        try
        {
            PemFile.CreateSecretFolder(path);
            var held = new FileStream(System.IO.Path.Combine(path, "server.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            var data = new DataFolder(path, held);
            data.Withdraw();        // left behind by a process that was killed
            PemFile.CreateSecretFolder(data.CookieKeys);
            return data;
        }
        catch (Exception problem) when (problem is UnauthorizedAccessException or SecurityException)
        {
            throw new StartupException($"The data folder {path} cannot be written; give this user write access to it or name another with --data.", problem);
        }
        catch (IOException problem) when (File.Exists(System.IO.Path.Combine(path, "server.lock")))
        {
            throw new StartupException($"The data folder {path} is in use by another server; stop it or name another folder with --data.", problem);
        }
        catch (IOException problem)
        {
            throw new StartupException($"The data folder {path} cannot be made: {problem.Message}", problem);
        }
    }

    /// <summary>Tells programs on this machine that the server is ready and how to reach it.</summary>
    public void Announce(ServerFile server)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(server, ApiJson.Default.ServerFile);
        File.WriteAllBytes(Ready + ".new", text);
        File.Move(Ready + ".new", Ready, overwrite: true);
    }

    public void Withdraw() => File.Delete(Ready);

    public void Dispose()
    {
        Withdraw();
        _lock.Dispose();
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
