using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;

namespace IoTFleet.Testing;

/// <summary>
/// PostgreSQL of the operating system's package, with data of its own in a temporary folder, reached by a socket there. It stores as in production (fsync),
/// sorts texts by a language unless told otherwise, and ends with this process, however that ends.
/// </summary>
public sealed class PostgreSqlCluster : IAsyncDisposable
{
    private const string User = "fleet";
    private const string Port = "5432"; // Names the socket; nothing listens on the network.

    private static readonly Lazy<Task<PostgreSqlCluster>> OneForAll = new(StartAsync);
    private static int _databases;

    private readonly TemporaryFolder _folder = new();
    private readonly string _programs;
    private readonly string _password = RandomNumberGenerator.GetHexString(32);
    private Process? _watch;

    private PostgreSqlCluster(string programs) => _programs = programs;

    private string Data => _folder.File("data");

    private string Options => $"-p {Port} -k {_folder.Path} -c listen_addresses=";

    private string LogFile => _folder.File("log");

    /// <summary>The cluster that the tests of a process share; each has databases of its own.</summary>
    public static Task<PostgreSqlCluster> SharedAsync() => OneForAll.Value;

    /// <summary>One that a test may stop. Skips the test where PostgreSQL is not installed; fails it in CI.</summary>
    public static async Task<PostgreSqlCluster> StartAsync()
    {
        var cluster = new PostgreSqlCluster(Path.GetDirectoryName(Peers.RequireFile(Programs()))!);
        await cluster.InitialiseAsync();
        await cluster.ResumeAsync();
        return cluster;
    }

    public string ConnectionString(string database, string? password = null) => new NpgsqlConnectionStringBuilder
    {
        Host = _folder.Path,
        Port = int.Parse(Port, CultureInfo.InvariantCulture),
        Database = database,
        Username = User,
        Password = password ?? _password,
    }.ToString();

    /// <returns>Its name.</returns>
    public async Task<string> CreateDatabaseAsync(string template = "template0")
    {
        var name = $"t{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template}");
        return name;
    }

    public Task DropDatabaseAsync(string name) => ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");

    /// <summary>Makes the folder, for tables that are to lie there.</summary>
    public async Task CreateTablespaceAsync(string name, string folder)
    {
        Directory.CreateDirectory(folder);
        if (Environment.IsPrivilegedProcess) await RunAsRootAsync("chown", $"{Account}:", folder);
        await ExecuteAsync($"CREATE TABLESPACE {name} LOCATION '{folder}'");
    }

    /// <summary>User and system time of all its processes so far, with those that have ended.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            var ticks = Processes().SelectMany(id => Stat(id).Skip(11).Take(4)).Sum(number => long.Parse(number, CultureInfo.InvariantCulture));
            return TimeSpan.FromSeconds(ticks / 100.0); // USER_HZ
        }
    }

    /// <summary>As its owner, in the database for such things.</summary>
    public async Task ExecuteAsync(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ConnectionString(database)) { Pooling = false }.ToString());
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>As its owner, in the database for such things.</summary>
    public async Task<T> ScalarAsync<T>(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ConnectionString(database)) { Pooling = false }.ToString());
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <param name="immediately">As when the machine loses its power; else clients are cut off in order.</param>
    public Task StopAsync(bool immediately = false) => RunAsync("pg_ctl", "stop", "-D", Data, "-w", "-m", immediately ? "immediate" : "fast");

    /// <summary>What the server has said, over all its lives.</summary>
    public string Log => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";

    public Task ResumeAsync() => RunAsync("pg_ctl", "start", "-D", Data, "-w", "-t", "60", "-l", LogFile, "-o", Options);

    /// <summary>Starts as after a crash with much to recover, and lets nobody in until <see cref="AdmitAsync"/>.</summary>
    public async Task ResumeRecoveringAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(Data, "standby.signal"), "");
        if (Environment.IsPrivilegedProcess) await RunAsRootAsync("chown", $"{Account}:", Path.Combine(Data, "standby.signal"));
        await RunAsync("pg_ctl", "start", "-D", Data, "-W", "-l", LogFile, "-o", $"{Options} -c hot_standby=off");
    }

    public Task AdmitAsync() => RunAsync("pg_ctl", "promote", "-D", Data, "-w", "-t", "60");

    /// <summary><c>kill -9</c> of all its processes.</summary>
    public async Task KillAsync()
    {
        await Eventually.TrueAsync(() =>
        {
            var all = Processes();
            foreach (var process in all) Kill(process);
            return Task.FromResult(all.Count == 0);
        });
        foreach (var held in (string[])[Path.Combine(Data, "postmaster.pid"), _folder.File($".s.PGSQL.{Port}.lock")]) File.Delete(held); // A dead process that nobody has reaped yet would pass for a running server.
    }

    /// <summary><c>kill -9</c> of a process that serves the database, one that is at work if there is one. The cluster then throws out everybody, recovers, and goes on.</summary>
    public async Task KillBackendAsync(string database) =>
        Kill(await ScalarAsync<int>($"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY state = 'active' DESC, state_change DESC LIMIT 1"));

    public async ValueTask DisposeAsync()
    {
        if (_watch is null) return;
        _watch.StandardInput.Close();
        await _watch.WaitForExitAsync();
        _watch.Dispose();
        if (Directory.Exists(_folder.Path)) _folder.Dispose();
    }

    private async Task InitialiseAsync()
    {
        var secret = _folder.File("password");
        await File.WriteAllTextAsync(secret, _password);
        if (Environment.IsPrivilegedProcess) await RunAsRootAsync("chown", "-R", $"{Account}:", _folder.Path);
        await RunAsync("initdb", "-D", Data, "-U", User, "--auth=scram-sha-256", $"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8",
            "--locale-provider=icu", "--icu-locale=en-US", "--no-sync", "--no-instructions");
        await File.AppendAllTextAsync(Path.Combine(Data, "postgresql.conf"), "\nmax_connections = 200\nshared_buffers = 64MB\n");
        // Ends the cluster when this process is gone, which closes the pipe; in a session of its own, since a run's process group may be ended as a whole.
        _watch = Process.Start(new ProcessStartInfo("setsid", ["sh", "-c", "cat >/dev/null; \"$@\" >/dev/null 2>&1; rm -rf \"$0\"", _folder.Path, .. As("pg_ctl"), "stop", "-D", Data, "-w", "-m", "immediate"])
        {
            RedirectStandardInput = true,
        })!;
    }

    private static string Account => File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";

    private static void Kill(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    /// <summary>They all are at home in the data's folder; each child has a session of its own, and an orphan another parent.</summary>
    private List<int> Processes() => [.. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Select(name => int.TryParse(name, out var id) ? id : 0).Where(id => id > 0 && IsAtHome(id))];

    /// <summary>What the kernel tells of a process behind its name, which may hold blanks; nothing when it has just ended.</summary>
    private static string[] Stat(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/stat") is { Length: > 0 } all ? all[(all.LastIndexOf(')') + 2)..].Split(' ') : [];
        }
        catch (IOException)
        {
            return [];
        }
    }

    private bool IsAtHome(int id)
    {
        try
        {
            return Directory.ResolveLinkTarget($"/proc/{id}/cwd", returnFinalTarget: false)?.FullName == Data;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException) // or somebody else's
        {
            return false;
        }
    }

    /// <summary>PostgreSQL refuses to be run by root.</summary>
    private string[] As(string program)
    {
        var path = Path.Combine(_programs, program);
        return Environment.IsPrivilegedProcess ? [Peers.Require("setpriv"), $"--reuid={Account}", $"--regid={Account}", "--clear-groups", path] : [path];
    }

    private async Task RunAsync(string program, params string[] arguments)
    {
        var line = As(program);
        await RunAsRootAsync(line[0], [.. line[1..], .. arguments]);
    }

    /// <summary>Its output goes nowhere: pg_ctl's server would inherit a pipe and keep it open.</summary>
    private async Task RunAsRootAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1 </dev/null", "sh", Path.GetTempPath() + Path.GetFileName(_folder.Path) + ".log", program, .. arguments])
        {
            WorkingDirectory = _folder.Path,
        })!;
        await process.WaitForExitAsync();
        var said = Path.GetTempPath() + Path.GetFileName(_folder.Path) + ".log";
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await File.ReadAllTextAsync(said)}\n{Log}");
        File.Delete(said);
    }

    /// <summary>Newest first; Debian keeps them beside the path.</summary>
    private static string[] Programs() =>
    [
        .. Enumerable.Range(14, 10).Reverse().Select(version => $"/usr/lib/postgresql/{version}/bin/initdb"),
        .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, "initdb")),
    ];
}
