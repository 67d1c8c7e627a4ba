using System.Data;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.Data.SqlClient;

namespace IoTFleet.Fleet.SqlServer;

/// <summary>The statements of a merge, and the staging tables that its bulk copies go to.</summary>
internal static class SqlServerMerge
{
    private const string Columns = "Device, TimeUs, Id, ReceivedUs, Sequence, Stream, ContentType, Body";

    /// <summary>The log, and a staging table for each that is merged to. Clustered by the batch: two nodes never look at each other's rows.</summary>
    internal const string Tables = """
        CREATE TABLE TelemetryLog (Id bigint NOT NULL CONSTRAINT PK_TelemetryLog PRIMARY KEY, Count int NOT NULL, Data varbinary(max) NOT NULL);
        CREATE TABLE TelemetryStaging (Batch uniqueidentifier NOT NULL, Device int NOT NULL, TimeUs bigint NOT NULL, Id bigint NOT NULL, ReceivedUs bigint NOT NULL,
            Sequence bigint NULL, Stream nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL, ContentType nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
            Body varbinary(max) NOT NULL, CONSTRAINT PK_TelemetryStaging PRIMARY KEY (Batch, Device, TimeUs, Id));
        CREATE TABLE TelemetryStagingDevices (Batch uniqueidentifier NOT NULL, Number int NOT NULL, LastReceivedUs bigint NOT NULL, Latest varbinary(max) NOT NULL,
            Recent varbinary(max) NOT NULL, CONSTRAINT PK_TelemetryStagingDevices PRIMARY KEY (Batch, Number));
        CREATE TABLE TelemetryStagingStale (Batch uniqueidentifier NOT NULL, Device int NOT NULL, Hour int NOT NULL, Version bigint NOT NULL,
            CONSTRAINT PK_TelemetryStagingStale PRIMARY KEY (Batch, Device, Hour));
        """;

    /// <summary>Devices first: rows that another node may be at, in one order.</summary>
    internal const string FromStaging = $"""
        UPDATE d SET LastReceivedUs = CASE WHEN s.LastReceivedUs > d.LastReceivedUs THEN s.LastReceivedUs ELSE d.LastReceivedUs END, Latest = s.Latest, Recent = s.Recent
        FROM TelemetryDevices d JOIN TelemetryStagingDevices s ON s.Number = d.Number WHERE s.Batch = @batch;
        UPDATE t SET Version = t.Version + 1 FROM TelemetryStale t JOIN TelemetryStagingStale s ON s.Device = t.Device AND s.Hour = t.Hour
        WHERE s.Batch = @batch;
        INSERT INTO TelemetryStale (Device, Hour, Version) SELECT s.Device, s.Hour, s.Version FROM TelemetryStagingStale s
        WHERE s.Batch = @batch AND NOT EXISTS (SELECT 1 FROM TelemetryStale t WHERE t.Device = s.Device AND t.Hour = s.Hour);
        INSERT INTO Telemetry ({Columns}) SELECT {Columns} FROM TelemetryStaging s
        WHERE s.Batch = @batch AND NOT EXISTS (SELECT 1 FROM Telemetry t WHERE t.Device = s.Device AND t.TimeUs = s.TimeUs AND t.Id = s.Id);
        UPDATE TelemetryNodes SET MergedTo = @mergedTo WHERE Ordinal = @node;
        DELETE FROM TelemetryStaging WHERE Batch = @batch;
        DELETE FROM TelemetryStagingDevices WHERE Batch = @batch;
        DELETE FROM TelemetryStagingStale WHERE Batch = @batch;
        """;

    internal static async Task StageAsync(SqlConnection connection, SqlTransaction transaction, Guid batch, MergeSlice slice, CancellationToken ct)
    {
        await CopyAsync(connection, transaction, Rows(batch, slice.Rows), ct);
        await CopyAsync(connection, transaction, Devices(batch, slice.Devices), ct);
        await CopyAsync(connection, transaction, Stale(batch, slice.Stale), ct);
    }

    private static async Task CopyAsync(SqlConnection connection, SqlTransaction transaction, DataTable table, CancellationToken ct)
    {
        if (table.Rows.Count == 0) return;
        using var copy = new SqlBulkCopy(connection, SqlBulkCopyOptions.Default, transaction) { DestinationTableName = table.TableName };
        foreach (DataColumn column in table.Columns) copy.ColumnMappings.Add(column.ColumnName, column.ColumnName);
        await copy.WriteToServerAsync(table, ct);
    }

    private static DataTable Rows(Guid batch, IReadOnlyList<TelemetryRow> rows)
    {
        var table = Table("TelemetryStaging", ("Device", typeof(int)), ("TimeUs", typeof(long)), ("Id", typeof(long)), ("ReceivedUs", typeof(long)),
            ("Sequence", typeof(long)), ("Stream", typeof(string)), ("ContentType", typeof(string)), ("Body", typeof(byte[])));
        foreach (var row in rows) table.Rows.Add(batch, row.Device, row.TimeUs, row.Id, row.ReceivedUs, row.Sequence, row.Stream, row.ContentType, row.Body);
        return table;
    }

    private static DataTable Devices(Guid batch, IReadOnlyList<TelemetryDevice> devices)
    {
        var table = Table("TelemetryStagingDevices", ("Number", typeof(int)), ("LastReceivedUs", typeof(long)), ("Latest", typeof(byte[])), ("Recent", typeof(byte[])));
        foreach (var device in devices) table.Rows.Add(batch, device.Number, device.LastReceivedUs, device.Latest, device.Recent);
        return table;
    }

    private static DataTable Stale(Guid batch, IReadOnlyList<StaleHour> hours)
    {
        var table = Table("TelemetryStagingStale", ("Device", typeof(int)), ("Hour", typeof(int)), ("Version", typeof(long)));
        foreach (var hour in hours) table.Rows.Add(batch, hour.Device, hour.Hour, hour.Version);
        return table;
    }

    private static DataTable Table(string name, params ReadOnlySpan<(string Name, Type Type)> columns)
    {
        var table = new DataTable(name);
        table.Columns.Add("Batch", typeof(Guid));
        foreach (var (column, type) in columns) table.Columns.Add(column, type);
        return table;
    }
}
