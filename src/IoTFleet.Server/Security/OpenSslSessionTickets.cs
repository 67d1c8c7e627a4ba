using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace IoTFleet.Server.Security;

/// <summary>
/// Turns TLS session tickets off, which .NET has no switch for. OpenSSL builds two of them into each TLS 1.3 handshake, reads the client's certificate
/// again for either, and nobody here resumes by them: they are a third of a handshake's CPU time and half of its bytes.
/// </summary>
/// <remarks>
/// It is done where OpenSSL reads its settings for every TLS context: the section of its configuration that is called <c>system_default</c>. What the system's
/// own configuration says there is kept. Where this is not Linux with OpenSSL, or the operator has named a configuration in <c>OPENSSL_CONF</c>,
/// nothing is changed: tickets then cost time, not safety, because the client's certificate is judged in resumed handshakes, too.
/// </remarks>
internal static partial class OpenSslSessionTickets
{
    private const string Library = "libcrypto.so.3";
    private const ulong LoadConfiguration = 0x40;
    private static readonly Lock Gate = new();
    private static bool? _allowed;

    /// <summary>
    /// To be called before the first handshake; the first call decides for the whole process. With one ticket allowed it names a session that this process keeps,
    /// so that it is worth nothing to another and nothing can be read from it. Returns whether tickets are as wanted by it.
    /// </summary>
    public static bool Allow(int tickets)
    {
        lock (Gate) return _allowed ??= AllowOnce(tickets);
    }

    private static bool AllowOnce(int tickets)
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("OPENSSL_CONF") is { Length: > 0 }) return false;
        try
        {
            // The system's configuration first: read later, it would take the place of ours.
            return Initialise(LoadConfiguration, 0) == 1 && Apply(WithTickets(SystemDefaults(), tickets));
        }
        catch (Exception missing) when (missing is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;       // another OpenSSL than the one this was written for
        }
    }

    private static string WithTickets(IReadOnlyList<(string Name, string Value)> system, int tickets)
    {
        var options = system.LastOrDefault(setting => setting.Name == "Options").Value;
        var text = new StringBuilder("openssl_conf = fleet\n[fleet]\nssl_conf = tls\n[tls]\nsystem_default = every\n[every]\n");
        foreach (var (name, value) in system.Where(setting => setting.Name != "Options")) text.Append(name).Append(" = \"").Append(value.Replace("\"", "\\\"", StringComparison.Ordinal)).Append("\"\n");
        return text.Append(CultureInfo.InvariantCulture, $"NumTickets = {tickets}\nOptions = ").Append(options is null ? "" : options + ",").Append("-SessionTicket\n").ToString();
    }

    private static bool Apply(string configuration)
    {
        var text = Marshal.StringToCoTaskMemUTF8(configuration);
        var source = MemorySource(text, length: -1);
        var parsed = NewConfiguration(0);
        try
        {
            return Parse(parsed, source, out _) > 0 && LoadModules(parsed, 0, 0) > 0;
        }
        finally
        {
            FreeSource(source);
            FreeConfiguration(parsed);
            Marshal.FreeCoTaskMem(text);
        }
    }

    /// <summary>What the machine's own configuration file says for all TLS contexts; nothing when it has none.</summary>
    private static List<(string Name, string Value)> SystemDefaults()
    {
        if (DefaultFile() is not { } file) return [];
        var configuration = NewConfiguration(0);
        try
        {
            if (ParseFile(configuration, file, out _) <= 0) return [];
            return Find(configuration, null, "openssl_conf") is { } main && Find(configuration, main, "ssl_conf") is { } tls && Find(configuration, tls, "system_default") is { } every
                ? Settings(Section(configuration, every))
                : [];
        }
        finally
        {
            FreeConfiguration(configuration);
            ClearErrors();      // what was not found is no error to whoever asks next
        }
    }

    private static List<(string Name, string Value)> Settings(nint section)
    {
        var settings = new List<(string Name, string Value)>();
        for (var i = 0; i < Count(section); i++)
        {
            var setting = Marshal.PtrToStructure<Setting>(Item(section, i));
            settings.Add((Marshal.PtrToStringUTF8(setting.Name)!, Marshal.PtrToStringUTF8(setting.Value)!));
        }

        return settings;
    }

    private static string? Find(nint configuration, string? group, string name) => Marshal.PtrToStringUTF8(Value(configuration, group, name));

    [LibraryImport(Library, EntryPoint = "OPENSSL_init_crypto")]
    private static partial int Initialise(ulong options, nint settings);

    [LibraryImport(Library, EntryPoint = "CONF_get1_default_config_file", StringMarshalling = StringMarshalling.Utf8)]
    private static partial string? DefaultFile();

    [LibraryImport(Library, EntryPoint = "NCONF_new")]
    private static partial nint NewConfiguration(nint method);

    [LibraryImport(Library, EntryPoint = "NCONF_free")]
    private static partial void FreeConfiguration(nint configuration);

    [LibraryImport(Library, EntryPoint = "NCONF_load", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ParseFile(nint configuration, string file, out long errorLine);

    [LibraryImport(Library, EntryPoint = "NCONF_load_bio")]
    private static partial int Parse(nint configuration, nint source, out long errorLine);

    [LibraryImport(Library, EntryPoint = "NCONF_get_string", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Value(nint configuration, string? group, string name);

    [LibraryImport(Library, EntryPoint = "NCONF_get_section", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Section(nint configuration, string name);

    [LibraryImport(Library, EntryPoint = "OPENSSL_sk_num")]
    private static partial int Count(nint section);

    [LibraryImport(Library, EntryPoint = "OPENSSL_sk_value")]
    private static partial nint Item(nint section, int index);

    [LibraryImport(Library, EntryPoint = "CONF_modules_load")]
    private static partial int LoadModules(nint configuration, nint application, ulong flags);

    [LibraryImport(Library, EntryPoint = "ERR_clear_error")]
    private static partial void ClearErrors();

    [LibraryImport(Library, EntryPoint = "BIO_new_mem_buf")]
    private static partial nint MemorySource(nint text, int length);

    [LibraryImport(Library, EntryPoint = "BIO_free")]
    private static partial int FreeSource(nint source);

    private readonly record struct Setting(nint Section, nint Name, nint Value);
}
