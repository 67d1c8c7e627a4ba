using IoTFleet.Fleet.Telemetry.Store;
using Npgsql;
using NpgsqlTypes;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>The statements of a merge.</summary>
internal static class PostgreSqlMerge
{
    private const string Columns = """("Device", "TimeUs", "Id", "ReceivedUs", "Sequence", "Stream", "ContentType", "Body")""";

    private const string Devices = """
        UPDATE "TelemetryDevices" d SET "LastReceivedUs" = GREATEST(d."LastReceivedUs", n.received), "Latest" = n.latest, "Recent" = n.recent
        FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::bytea[]) AS n(number, received, latest, recent) WHERE d."Number" = n.number
        """;

    private const string Stale = """
        INSERT INTO "TelemetryStale" ("Device", "Hour", "Version") SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[]) AS n(device, hour, version) ORDER BY device, hour
        ON CONFLICT ("Device", "Hour") DO UPDATE SET "Version" = "TelemetryStale"."Version" + 1
        """;

    private const string Node = """UPDATE "TelemetryNodes" SET "MergedTo" = $2 WHERE "Ordinal" = $1""";

    /// <summary>This transaction does not wait for the disk, where the log's appends wait, too; the commit of the last slice brings it along.</summary>
    internal static Task NeedNotLastAsync(NpgsqlConnection connection, CancellationToken ct) => ExecuteAsync(connection, "SET LOCAL synchronous_commit = off", ct);

    internal static async Task WriteStateAsync(NpgsqlConnection connection, MergeSlice slice, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        if (slice.Devices.Count > 0)
        {
            Add(batch, Devices, slice.Devices.Select(d => d.Number).ToArray(), slice.Devices.Select(d => d.LastReceivedUs).ToArray(),
                slice.Devices.Select(d => d.Latest).ToArray(), slice.Devices.Select(d => d.Recent).ToArray());
        }
        if (slice.Stale.Count > 0)
            Add(batch, Stale, slice.Stale.Select(s => s.Device).ToArray(), slice.Stale.Select(s => s.Hour).ToArray(), slice.Stale.Select(s => s.Version).ToArray());
        if (slice.Done is { } node) Add(batch, Node, node.Ordinal, node.MergedTo);
        if (batch.BatchCommands.Count > 0) await batch.ExecuteNonQueryAsync(ct);
    }

    internal static Task CopyAsync(NpgsqlConnection connection, IReadOnlyList<TelemetryRow> rows, CancellationToken ct) => CopyAsync(connection, "\"Telemetry\"", rows, ct);

    /// <summary>Those that are not there yet.</summary>
    internal static async Task CopyNewAsync(NpgsqlConnection connection, IReadOnlyList<TelemetryRow> rows, CancellationToken ct)
    {
        await ExecuteAsync(connection, """CREATE TEMP TABLE merging (LIKE "Telemetry") ON COMMIT DROP""", ct);
        await CopyAsync(connection, "merging", rows, ct);
        await ExecuteAsync(connection, $"""INSERT INTO "Telemetry" {Columns} SELECT {Columns[1..^1]} FROM merging ON CONFLICT DO NOTHING""", ct);
    }

    private static async Task CopyAsync(NpgsqlConnection connection, string table, IReadOnlyList<TelemetryRow> rows, CancellationToken ct)
    {
        if (rows.Count == 0) return;
        await using var copy = await connection.BeginBinaryImportAsync($"COPY {table} {Columns} FROM STDIN (FORMAT BINARY)", ct);
        foreach (var row in rows) await WriteAsync(copy, row, ct);
        await copy.CompleteAsync(ct);
    }

    private static async ValueTask WriteAsync(NpgsqlBinaryImporter copy, TelemetryRow row, CancellationToken ct)
    {
        await copy.StartRowAsync(ct);
        await copy.WriteAsync(row.Device, NpgsqlDbType.Integer, ct);
        await copy.WriteAsync(row.TimeUs, NpgsqlDbType.Bigint, ct);
        await copy.WriteAsync(row.Id, NpgsqlDbType.Bigint, ct);
        await copy.WriteAsync(row.ReceivedUs, NpgsqlDbType.Bigint, ct);
        if (row.Sequence is { } sequence) await copy.WriteAsync(sequence, NpgsqlDbType.Bigint, ct);
        else await copy.WriteNullAsync(ct);
        await copy.WriteAsync(row.Stream, NpgsqlDbType.Text, ct);
        if (row.ContentType is { } type) await copy.WriteAsync(type, NpgsqlDbType.Text, ct);
        else await copy.WriteNullAsync(ct);
        await copy.WriteAsync(row.Body, NpgsqlDbType.Bytea, ct);
    }

    private static void Add(NpgsqlBatch batch, string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        batch.BatchCommands.Add(command);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
