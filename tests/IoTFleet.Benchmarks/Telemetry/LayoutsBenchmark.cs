using System.Globalization;
using System.Text;
using IoTFleet.Fleet.Telemetry.Formats;
using Microsoft.Data.Sqlite;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>
/// How a reading should lie on the disk: one row with its JSON, a row for each value, or both. Merged as the store merges, in sorted batches of some
/// messages of each device; CPU time, since the cores may be shared, and bytes; questions in time on the clock.
/// </summary>
internal static class LayoutsBenchmark
{
    private const int Devices = 100;
    private const int Batch = 50; // messages of one device in one merge
    private const int MinuteUs = 60_000_000;

    internal static int Run()
    {
        Console.WriteLine(Machine.Describe());
        Console.WriteLine("\n| metrics | layout | CPU µs a message | bytes a value | newest value ms | 1,000 values of a metric ms | a day of 5-minute buckets ms | 1,000 whole messages ms |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var (metrics, each) in ((int, int)[])[(1, 2_000), (24, 500)])
        {
            foreach (var layout in Enum.GetValues<Layout>()) Measure(layout, metrics, each);
        }
        return 0;
    }

    private enum Layout { Json, Values, Both }

    private static void Measure(Layout layout, int metrics, int each)
    {
        var file = Path.Combine(Path.GetTempPath(), $"iotfleet-layouts-{Environment.ProcessId}.db");
        using (var db = new SqliteConnection($"Data Source={file};Pooling=False"))
        {
            db.Open();
            Run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
            Run(db, "CREATE TABLE Json (Device INTEGER, TimeUs INTEGER, Id INTEGER, ReceivedUs INTEGER, Body TEXT, PRIMARY KEY (Device, TimeUs, Id)) WITHOUT ROWID");
            Run(db, "CREATE TABLE Vals (Device INTEGER, Metric INTEGER, TimeUs INTEGER, Id INTEGER, Value REAL, PRIMARY KEY (Device, Metric, TimeUs, Id)) WITHOUT ROWID");
            var started = Environment.CpuUsage.TotalTime;
            for (var from = 0; from < each; from += Batch) Merge(db, layout, metrics, from);
            var cpu = (Environment.CpuUsage.TotalTime - started).TotalMicroseconds / (Devices * each);
            var bytes = Scalar(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size") / (double)(Devices * each * metrics);
            Func<string, double> ask = layout == Layout.Json ? what => AskJson(db, what) : what => AskValues(db, layout, metrics, what);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {metrics} | {Name(layout)} | {cpu:0.0} | {bytes:0} | {ask("newest"):0.00} | {ask("history"):0.0} | {ask("buckets"):0.0} | {ask("whole"):0.0} |"));
        }
        foreach (var suffix in (string[])["", "-wal", "-shm"]) File.Delete(file + suffix);
    }

    private static string Name(Layout layout) => layout switch { Layout.Json => "a row a message", Layout.Values => "a row a value", _ => "both" };

    private static void Merge(SqliteConnection db, Layout layout, int metrics, int from)
    {
        using var transaction = db.BeginTransaction(deferred: false);
        using var json = Command(db, "INSERT INTO Json VALUES (?1, ?2, ?3, ?4, ?5)", 5);
        using var value = Command(db, "INSERT INTO Vals VALUES (?1, ?2, ?3, ?4, ?5)", 5);
        (json.Transaction, value.Transaction) = (transaction, transaction);
        for (var device = 0; device < Devices; device++)
        {
            if (layout != Layout.Values)
            {
                for (var n = from; n < from + Batch; n++) Execute(json, device, n * (long)MinuteUs, n, n * (long)MinuteUs + 20_000, Body(metrics, n));
            }
            if (layout == Layout.Json) continue;
            for (var metric = 0; metric < metrics; metric++)
            {
                for (var n = from; n < from + Batch; n++) Execute(value, device, metric, n * (long)MinuteUs, n, Value(metric, n));
            }
        }
        transaction.Commit();
    }

    private static double Value(int metric, int n) => Math.Round(500 + 100 * Math.Sin(n / 50.0 + metric), 2);

    private static string Body(int metrics, int n)
    {
        var body = new StringBuilder("{");
        for (var metric = 0; metric < metrics; metric++) body.Append(CultureInfo.InvariantCulture, $"{(metric == 0 ? "" : ",")}\"sensor{metric:00}\":{Value(metric, n)}");
        return body.Append('}').ToString();
    }

    private static double AskJson(SqliteConnection db, string what) => Time(device =>
    {
        using var command = db.CreateCommand();
        command.CommandText = $"SELECT TimeUs, Body FROM Json WHERE Device = {device} ORDER BY TimeUs {(what == "newest" ? "DESC LIMIT 1" : what == "buckets" ? "LIMIT 1440" : "LIMIT 1000")}";
        using var rows = command.ExecuteReader();
        var buckets = new (long Count, double Sum)[288];
        while (rows.Read())
        {
            var values = new ValueReader(rows.GetFieldValue<byte[]>(1));
            while (what != "whole" && values.Read())
            {
                if (!values.Name.SequenceEqual("sensor00"u8)) continue;
                ref var bucket = ref buckets[rows.GetInt64(0) / (5 * MinuteUs) % 288];
                bucket = (bucket.Count + 1, bucket.Sum + values.Number);
            }
        }
    });

    private static double AskValues(SqliteConnection db, Layout layout, int metrics, string what) => what == "whole" && layout == Layout.Both ? AskJson(db, what) : Time(device =>
    {
        using var command = db.CreateCommand();
        var one = $"FROM Vals WHERE Device = {device} AND Metric = 0";
        command.CommandText = what switch
        {
            "newest" => $"SELECT Value {one} ORDER BY TimeUs DESC LIMIT 1",
            "history" => $"SELECT TimeUs, Value {one} ORDER BY TimeUs LIMIT 1000",
            "buckets" => $"SELECT TimeUs / {5 * MinuteUs}, COUNT(*), SUM(Value) {one} AND TimeUs < {1440L * MinuteUs} GROUP BY 1",
            _ => $"SELECT TimeUs, Metric, Value FROM Vals WHERE Device = {device} AND Metric < {metrics} AND TimeUs < {1000L * MinuteUs} ORDER BY TimeUs, Metric",
        };
        using var rows = command.ExecuteReader();
        while (rows.Read()) rows.GetValue(rows.FieldCount - 1);
    });

    /// <summary>The median of some devices.</summary>
    private static double Time(Action<int> ask)
    {
        var spent = new double[40];
        for (var n = 0; n < spent.Length; n++)
        {
            var started = TimeProvider.System.GetTimestamp();
            ask(n);
            spent[n] = TimeProvider.System.GetElapsedTime(started).TotalMilliseconds;
        }
        Array.Sort(spent);
        return spent[spent.Length / 2];
    }

    private static SqliteCommand Command(SqliteConnection db, string sql, int parameters)
    {
        var command = db.CreateCommand();
        command.CommandText = sql;
        for (var i = 1; i <= parameters; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"?{i}" });
        return command;
    }

    private static void Execute(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i];
        command.ExecuteNonQuery();
    }

    private static void Run(SqliteConnection db, string sql)
    {
        using var command = db.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static long Scalar(SqliteConnection db, string sql)
    {
        using var command = db.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }
}
