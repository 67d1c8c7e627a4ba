using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xunit.v3;

namespace IoTFleet.Fleet.Tests.Databases;

/// <summary>An empty database for one test: of the kind that the test's class <see cref="RunsOnAttribute">names</see>, else SQLite.</summary>
internal abstract partial class TestDatabase : IAsyncDisposable
{
    internal static async Task<TestDatabase> ForThisTestAsync() => Kind switch
    {
        DatabaseName.PostgreSql => await PostgreSqlTestDatabase.CreateAsync(),
        DatabaseName.SqlServer => await SqlServerTestDatabase.CreateAsync(),
        _ => new SqliteTestDatabase(),
    };

    /// <summary>For a test that makes an error by means which only SQLite has, such as a trigger in its words.</summary>
    internal static void OnlyOnSqlite(string why) => Assert.SkipUnless(Kind == DatabaseName.Sqlite, why);

    internal abstract IServiceCollection AddTo(IServiceCollection services);

    internal abstract ValueTask CloseAsync(DbContext db);

    /// <summary>Tests write names as they are and <c>randomblob(n)</c>, as SQLite takes them.</summary>
    internal abstract string InItsWords(string sql);

    internal abstract string RefuseInserts(string table);

    internal abstract string AllowInserts(string table);

    /// <param name="table">After each row that is written to it,</param>
    /// <param name="action">this runs.</param>
    internal abstract string AfterWriting(string table, string action);

    public abstract ValueTask DisposeAsync();

    /// <summary>Words that begin with a capital and go on small are names; keywords are written in capitals.</summary>
    private protected static string WithQuotedNames(string sql) => Names().Replace(sql, "\"$0\"");

    [GeneratedRegex(@"(?<![""'\w])[A-Z][a-z]\w*(?![""'\w])")]
    private static partial Regex Names();

    private static DatabaseName Kind =>
        (TestContext.Current.TestClass as IXunitTestClass)?.Class.GetCustomAttribute<RunsOnAttribute>()?.Database ?? DatabaseName.Sqlite;
}

public enum DatabaseName { Sqlite, PostgreSql, SqlServer }

/// <summary>On a class that inherits tests, to run them on another database.</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class RunsOnAttribute(DatabaseName database) : Attribute
{
    public DatabaseName Database { get; } = database;
}
