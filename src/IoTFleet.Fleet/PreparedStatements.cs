using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace IoTFleet.Fleet;

/// <summary>
/// What is run again and again, by units of the <see cref="FleetWriter"/> first of all, is parsed once for a transaction: EF composes and parses anew each time,
/// which was the larger half of what an enrolment cost the database's thread. Tables, columns and conversions are still those of EF's model.
/// A statement runs at once, so whatever must be there before it (the device before its key) is written before it.
/// </summary>
internal sealed class PreparedStatements(DbContext db, InsertPlans plans) : IDisposable
{
    private readonly Dictionary<string, DbCommand> _commands = new(StringComparer.Ordinal);

    public async Task InsertAsync<T>(T row, CancellationToken ct)
        where T : class
    {
        var plan = plans.For<T>(db);
        var command = CommandFor(plan.Sql);
        for (var i = 0; i < plan.Columns.Length; i++)
        {
            if (command.Parameters.Count == i) command.Parameters.Add(plan.Columns[i].Parameter(command, $"@p{i}"));
            Bind(command, i, plan.Columns[i].ValueOf(row));
        }
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <param name="sql">With the parameters <c>@p0</c>, <c>@p1</c>, in the values' order; names in double quotes, which every database takes.</param>
    /// <param name="ct">Ends with the unit.</param>
    /// <param name="values">As the database holds them: times in microseconds, names of states as text.</param>
    /// <returns>How many rows it has changed.</returns>
    public Task<int> ExecuteAsync(string sql, CancellationToken ct, params ReadOnlySpan<object?> values) => Bound(sql, values).ExecuteNonQueryAsync(ct);

    /// <returns>Whether the query yields a row.</returns>
    public async Task<bool> AnyAsync(string sql, CancellationToken ct, params object?[] values) => await Bound(sql, values).ExecuteScalarAsync(ct) is not null;

    /// <returns>Rows, to be read before the same query is asked again. Outside of a transaction the connection must be open already.</returns>
    public Task<DbDataReader> ReadAsync(string sql, CancellationToken ct, params ReadOnlySpan<object?> values) => Bound(sql, values).ExecuteReaderAsync(ct);

    public void Dispose()
    {
        foreach (var command in _commands.Values) command.Dispose();
    }

    private DbCommand Bound(string sql, ReadOnlySpan<object?> values)
    {
        var command = CommandFor(sql);
        for (var i = 0; i < values.Length; i++) Bind(command, i, values[i]);
        return command;
    }

    private DbCommand CommandFor(string sql)
    {
        if (_commands.TryGetValue(sql, out var known)) return known;
        var command = db.Database.GetDbConnection().CreateCommand();
        (command.CommandText, command.Transaction) = (sql, db.Database.CurrentTransaction?.GetDbTransaction());
        return _commands[sql] = command;
    }

    private static void Bind(DbCommand command, int place, object? value)
    {
        if (command.Parameters.Count == place)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = $"@p{place}";
            command.Parameters.Add(parameter);
        }
        command.Parameters[place].Value = value ?? DBNull.Value;
    }
}
