using System.Security.Cryptography;
using IoTFleet.Fleet.SqlServer;
using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Tests.Databases;

/// <summary>On the server that the environment names; its user must be allowed to make databases.</summary>
internal sealed class SqlServerTestDatabase(string server, string name) : TestDatabase
{
    private const string Variable = "IOTFLEET_SQLSERVER";

    internal static async Task<SqlServerTestDatabase> CreateAsync()
    {
        var server = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(server), $"{Variable} names no SQL Server; set it to the connection string of one to run these tests.");
        var name = $"iotfleet_{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
        await ExecuteAsync(server!, $"CREATE DATABASE [{name}]");
        return new SqlServerTestDatabase(server!, name);
    }

    internal override IServiceCollection AddTo(IServiceCollection services) => services
        .AddSqlServerFleet(In(server, name)).AddSqlServerTelemetry(In(server, name));

    internal override string InItsWords(string sql) => WithQuotedNames(sql.Replace("randomblob(", "CRYPT_GEN_RANDOM(", StringComparison.Ordinal).Replace("||", "+", StringComparison.Ordinal));

    internal override string RefuseInserts(string table) => $"ALTER TABLE [{table}] WITH NOCHECK ADD CONSTRAINT broken CHECK (1 = 0)";

    internal override string AllowInserts(string table) => $"ALTER TABLE [{table}] DROP CONSTRAINT broken";

    internal override string AfterWriting(string table, string action)
    {
        Assert.Skip("EF reads back what it writes with OUTPUT, which SQL Server refuses on a table with a trigger that the model does not know.");
        return "";
    }

    internal override ValueTask CloseAsync(DbContext db)
    {
        SqlConnection.ClearPool((SqlConnection)db.Database.GetDbConnection());
        return ValueTask.CompletedTask;
    }

    public override async ValueTask DisposeAsync() => await ExecuteAsync(server, $"DROP DATABASE [{name}]");

    private static string In(string server, string database) => new SqlConnectionStringBuilder(server) { InitialCatalog = database }.ToString();

    private static async Task ExecuteAsync(string server, string sql)
    {
        await using var connection = new SqlConnection(In(server, "master"));
        await connection.OpenAsync();
        await using var command = new SqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
