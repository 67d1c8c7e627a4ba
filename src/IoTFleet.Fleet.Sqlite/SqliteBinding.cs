using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using SQLitePCL;

namespace IoTFleet.Fleet.Sqlite;

/// <summary>
/// Binds Microsoft.Data.Sqlite to the operating system's SQLite, which the system keeps patched.
/// <para>
/// Microsoft.Data.Sqlite 10 asks for SQLitePCLRaw.core 2.1. We build with 2.0.6, the newest that every package feed we build from
/// offers; it has all members that are used. So the runtime's request for 2.1 is answered with 2.0.6, and the native library is looked
/// for under the system's name. This file can go, with the pins that Directory.Build.targets explains, once the feeds offer
/// SQLitePCLRaw 2.1.11 or newer with its <c>provider.sqlite3</c> package, which binds to the system's library by itself.
/// </para>
/// </summary>
internal static class SqliteBinding
{
    private const string Core = "SQLitePCLRaw.core";
    private const string NativeName = "e_sqlite3";

    /// <summary>As the assembly is loaded: the runtime asks for the core as soon as it compiles a method that uses a connection.</summary>
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "No call could be early enough; see the summary.")]
    internal static void Bind()
    {
        var context = AssemblyLoadContext.GetLoadContext(typeof(SqliteBinding).Assembly) ?? AssemblyLoadContext.Default;
        context.Resolving += AnswerWithOurCore;
        UseSystemLibrary();
    }

    /// <summary>Asked for without a version, the core beside us answers; if there is none, our own question must not come back to us.</summary>
    private static Assembly? AnswerWithOurCore(AssemblyLoadContext context, AssemblyName asked) =>
        asked is { Name: Core, Version: not null } ? context.LoadFromAssemblyName(new AssemblyName(Core)) : null;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void UseSystemLibrary()
    {
        var provider = typeof(SQLite3Provider_e_sqlite3);
        NativeLibrary.SetDllImportResolver(provider.Assembly, (name, _, _) => name == NativeName ? LoadSystemLibrary() : nint.Zero);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
    }

    private static nint LoadSystemLibrary()
    {
        var (library, advice) = SystemLibrary();
        if (NativeLibrary.TryLoad(library, out var handle)) return handle;
        throw new DllNotFoundException($"SQLite's library {library} is not installed: {advice}.");
    }

    private static (string Library, string Advice) SystemLibrary()
    {
        if (OperatingSystem.IsWindows()) return ("winsqlite3.dll", "it is part of Windows 10 and later");
        if (OperatingSystem.IsMacOS()) return ("/usr/lib/libsqlite3.dylib", "it is part of macOS");
        return ("libsqlite3.so.0", "install it, on Debian and Ubuntu by 'apt-get install libsqlite3-0'");
    }
}
