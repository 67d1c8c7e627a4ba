using System.Collections.Concurrent;
using System.Globalization;
using IoTFleet.Fleet.Telemetry.Store;
using Npgsql;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>
/// Readings lie in tables by the week of their own time, so that a week that nobody keeps goes by dropping its table. A week is made when a merge brings the
/// first reading of it; readings whose time is far from the day they came lie together in a table of strays, so that a wrong clock does not make tables.
/// </summary>
internal sealed class PostgreSqlPartitions
{
    internal const long WeekUs = 7L * 24 * 3_600 * 1_000_000;

    private const long FirstMondayUs = 4L * 24 * 3_600 * 1_000_000; // 1970-01-05
    private const long FarBackUs = 104 * WeekUs;
    private const long FarAheadUs = WeekUs;
    private const string Prefix = "Telemetry_";

    /// <summary>One node makes or drops at a time, and none waits long for somebody who reads: a merge can do without a new week, a drop comes again.</summary>
    private const string Turn = "SET LOCAL lock_timeout = '3s'; SELECT pg_advisory_xact_lock(1232033862, 3)"; // 'IoTF', weeks

    /// <summary>Those known to be there. When another node has dropped one, what comes late for it is a stray.</summary>
    private readonly ConcurrentDictionary<long, bool> _there = [];

    internal async Task MakeAsync(NpgsqlConnection connection, IReadOnlyList<TelemetryRow> rows, CancellationToken ct)
    {
        var missing = new SortedSet<long>();
        foreach (var row in rows)
        {
            if (row.TimeUs < row.ReceivedUs - FarBackUs || row.TimeUs > row.ReceivedUs + FarAheadUs) continue;
            if (WeekOf(row.TimeUs) is var week && !_there.ContainsKey(week)) missing.Add(week);
        }
        foreach (var week in missing) await TryMakeAsync(connection, week, ct);
    }

    /// <inheritdoc cref="ITelemetryStore.DropBeforeAsync"/>
    internal async Task<DroppedReadings> DropBeforeAsync(NpgsqlConnection connection, long timeUs, CancellationToken ct)
    {
        var end = WeekOf(timeUs);
        long readings = 0;
        foreach (var (week, size) in await WeeksAsync(connection, ct))
        {
            if (week >= end) break;
            if (!await TryDropAsync(connection, week, ct)) return new DroppedReadings(readings, week);
            readings += size;
        }
        return new DroppedReadings(readings, end);
    }

    internal static long WeekOf(long timeUs) => timeUs - (((timeUs - FirstMondayUs) % WeekUs + WeekUs) % WeekUs);

    private static string NameOf(long week) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{EpochTime.FromMicroseconds(week):yyyyMMdd}");

    private async Task TryMakeAsync(NpgsqlConnection connection, long week, CancellationToken ct)
    {
        try
        {
            await MakeAsync(connection, week, ct);
            _there[week] = true;
        }
        catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            // Its readings are strays until the next merge, which takes them along.
        }
    }

    /// <summary>Strays of the week come along. The table of strays is locked first, so that none comes between.</summary>
    private static async Task MakeAsync(NpgsqlConnection connection, long week, CancellationToken ct)
    {
        var (name, end) = (NameOf(week), week + WeekUs);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await ExecuteAsync(connection, Turn, ct);
        if (await IsThereAsync(connection, name, ct)) return;
        await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"""
            LOCK TABLE "TelemetryStrays" IN ACCESS EXCLUSIVE MODE;
            CREATE TABLE "{name}" (LIKE "Telemetry");
            WITH moved AS (DELETE FROM "TelemetryStrays" WHERE "TimeUs" >= {week} AND "TimeUs" < {end} RETURNING *) INSERT INTO "{name}" SELECT * FROM moved;
            ALTER TABLE "Telemetry" ATTACH PARTITION "{name}" FOR VALUES FROM ({week}) TO ({end})
            """), ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>A merge marks the hours it touches before it copies, and copies only with the table's lock: whoever has it sees either the mark, or comes first.</summary>
    /// <returns>Whether it is gone; not when an hour of it waits for its rollup, or somebody reads for long.</returns>
    private async Task<bool> TryDropAsync(NpgsqlConnection connection, long week, CancellationToken ct)
    {
        try
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            await ExecuteAsync(connection, $"""{Turn}; LOCK TABLE ONLY "Telemetry" IN ACCESS EXCLUSIVE MODE""", ct);
            if (await WaitsForRollupAsync(connection, week + WeekUs, ct)) return false;
            await ExecuteAsync(connection, $"""DROP TABLE IF EXISTS "{NameOf(week)}" """, ct);
            await transaction.CommitAsync(ct);
            _there.TryRemove(week, out _);
            return true;
        }
        catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            return false;
        }
    }

    /// <summary>Oldest first, each with the number of its readings as the last ANALYZE has it.</summary>
    private static async Task<List<(long Week, long Readings)>> WeeksAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        const string sql = """
            SELECT c.relname, GREATEST(c.reltuples, 0)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = '"Telemetry"'::regclass AND c.relname LIKE 'Telemetry\_%' ORDER BY c.relname
            """;
        await using var command = new NpgsqlCommand(sql, connection);
        await using var rows = await command.ExecuteReaderAsync(ct);
        var weeks = new List<(long, long)>();
        while (await rows.ReadAsync(ct))
        {
            if (DateTimeOffset.TryParseExact(rows.GetString(0)[Prefix.Length..], "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var monday))
                weeks.Add((EpochTime.ToMicroseconds(monday), rows.GetInt64(1)));
        }
        return weeks;
    }

    private static async Task<bool> IsThereAsync(NpgsqlConnection connection, string table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand($"""SELECT to_regclass('"{table}"') IS NOT NULL""", connection);
        return await command.ExecuteScalarAsync(ct) is true;
    }

    private static async Task<bool> WaitsForRollupAsync(NpgsqlConnection connection, long beforeUs, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("""SELECT EXISTS (SELECT 1 FROM "TelemetryStale" WHERE "Hour" < $1)""", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = (int)(beforeUs / 3_600_000_000) });
        return await command.ExecuteScalarAsync(ct) is true;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
