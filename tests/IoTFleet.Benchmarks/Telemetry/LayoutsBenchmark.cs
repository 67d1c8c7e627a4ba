using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry.Formats;
using Microsoft.Data.Sqlite;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>
/// How a reading should lie on the disk: one row with its JSON, a row for each value, or both. Merged as the store merges, in sorted batches of some messages
/// of each device, from the JSON they came as. All in CPU time, since the cores may be shared and what is asked for is in memory; the median of three rounds.
/// </summary>
internal static class LayoutsBenchmark
{
    private const int Devices = 30;
    private const int Each = 1_500; // messages of a device: a day has 1,440
    private const int Batch = 50; // of them in one merge
    private const int SmallBatch = 5;
    private const int MinuteUs = 60_000_000;
    private const int Rounds = 3;
    private const int Asked = 60; // times that each question is asked

    private static readonly string[] Questions = ["newest", "history", "buckets", "whole"];

    internal static int Run()
    {
        RuntimeHelpers.RunModuleConstructor(typeof(SqliteFleet).Module.ModuleHandle); // binds SQLite's library
        Console.WriteLine(Machine.Describe());
        Measure(Layout.Both, Bodies(1, Each), Batch, ""); // until the runtime has compiled it for good
        Layouts();
        Files();
        return 0;
    }

    private static void Layouts()
    {
        Console.WriteLine("\n| values a message | layout | merge, CPU µs a message | bytes a message | bytes a value | newest value, CPU ms | 1,000 values of a metric | a day of 5-minute buckets | 1,000 whole messages |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var metrics in (int[])[1, 3, 24])
        {
            var bodies = Bodies(metrics, Each);
            foreach (var layout in Enum.GetValues<Layout>())
            {
                var figures = Median(() => Measure(layout, bodies, Batch, ""));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {metrics} | {Name(layout)} | {figures.Merge:0.0} | {figures.Bytes:0} | {figures.Bytes / metrics:0} | {figures.AnswersText} |"));
            }
        }
    }

    /// <summary>How SQLite's file is kept, a row a message: few messages of a device in one merge, where larger pages are written for less.</summary>
    private static void Files()
    {
        Console.WriteLine($"\n| file | messages of a device in a merge | merge, CPU µs a message | bytes written a message | bytes a message | newest value, CPU ms | 1,000 values of a metric | a day of 5-minute buckets | 1,000 whole messages |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        var bodies = Bodies(3, Each);
        foreach (var batch in (int[])[SmallBatch, Batch])
        {
            foreach (var (name, settings) in ((string, string)[])
                [("pages of 4 KB", "PRAGMA page_size=4096"), ("8 KB", "PRAGMA page_size=8192"), ("16 KB", "PRAGMA page_size=16384"), ("4 KB, 64 MB of cache", "PRAGMA cache_size=-65536"), ("4 KB, read by memory map", "PRAGMA mmap_size=1073741824")])
            {
                var figures = Median(() => Measure(Layout.Json, bodies, batch, settings));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {batch} | {figures.Merge:0.0} | {figures.Written:0} | {figures.Bytes:0} | {figures.AnswersText} |"));
            }
        }
    }

    private static Figures Median(Func<Figures> round)
    {
        var rounds = Enumerable.Range(0, Rounds).Select(_ => round()).ToList();
        return new Figures(Of(one => one.Merge), Of(one => one.Bytes), Of(one => one.Written), [.. Questions.Select((_, question) => Of(one => one.Answers[question]))]);

        double Of(Func<Figures, double> figure) => rounds.Select(figure).Order().ElementAt(Rounds / 2);
    }

    private enum Layout { Json, Values, Both }

    private static string Name(Layout layout) => layout switch { Layout.Json => "a row a message", Layout.Values => "a row a value", _ => "both" };

    private static Figures Measure(Layout layout, byte[][] bodies, int batch, string settings)
    {
        var file = Path.Combine(Path.GetTempPath(), $"iotfleet-layouts-{Environment.ProcessId}.db");
        try
        {
            using var db = new SqliteConnection($"Data Source={file};Pooling=False");
            db.Open();
            if (settings.Length > 0) Run(db, settings);
            Run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000");
            Run(db, "CREATE TABLE Json (Device INTEGER, TimeUs INTEGER, Id INTEGER, ReceivedUs INTEGER, Body TEXT, PRIMARY KEY (Device, TimeUs, Id)) WITHOUT ROWID");
            Run(db, "CREATE TABLE Vals (Device INTEGER, Metric INTEGER, TimeUs INTEGER, Id INTEGER, Value REAL, PRIMARY KEY (Device, Metric, TimeUs, Id)) WITHOUT ROWID");
            var (started, written, messages) = (Environment.CpuUsage.TotalTime, Written(), (double)(Devices * bodies.Length));
            for (var from = 0; from < bodies.Length; from += batch) Merge(db, layout, bodies, from, batch);
            var merge = (Environment.CpuUsage.TotalTime - started).TotalMicroseconds / messages;
            var bytes = Scalar(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size") / messages;
            return new Figures(merge, bytes, (Written() - written) / messages, [.. Questions.Select(question => Cpu(device => Ask(db, layout, question, device)))]);
        }
        finally
        {
            foreach (var suffix in (string[])["", "-wal", "-shm"]) File.Delete(file + suffix);
        }
    }

    /// <summary>Bytes that this process has given to write(2) so far.</summary>
    private static long Written() => long.Parse(File.ReadLines("/proc/self/io").First(line => line.StartsWith("wchar:", StringComparison.Ordinal))[6..], CultureInfo.InvariantCulture);

    private static void Merge(SqliteConnection db, Layout layout, byte[][] bodies, int from, int batch)
    {
        using var transaction = db.BeginTransaction(deferred: false);
        using var json = Command(db, "INSERT INTO Json VALUES (?1, ?2, ?3, ?4, CAST(?5 AS TEXT))", 5);
        using var value = Command(db, "INSERT INTO Vals VALUES (?1, ?2, ?3, ?4, ?5)", 5);
        (json.Transaction, value.Transaction) = (transaction, transaction);
        for (var device = 0; device < Devices; device++)
        {
            for (var n = from; layout != Layout.Values && n < from + batch; n++) Execute(json, device, n * (long)MinuteUs, n, n * (long)MinuteUs + 20_000, bodies[n]);
            if (layout == Layout.Json) continue;
            foreach (var (metric, n, number) in Values(bodies, from, batch)) Execute(value, device, metric, n * (long)MinuteUs, n, number);
        }
        transaction.Commit();
    }

    /// <summary>Sorted as their rows are.</summary>
    private static List<(int Metric, int Message, double Value)> Values(byte[][] bodies, int from, int batch)
    {
        var values = new List<(int Metric, int Message, double Value)>();
        for (var n = from; n < from + batch; n++)
        {
            var reader = new ValueReader(bodies[n]);
            for (var metric = 0; reader.Read(); metric++) values.Add((metric, n, reader.Number));
        }
        values.Sort();
        return values;
    }

    private static byte[][] Bodies(int metrics, int each) => [.. Enumerable.Range(0, each).Select(n => Encoding.UTF8.GetBytes(Body(metrics, n)))];

    private static string Body(int metrics, int n)
    {
        var body = new StringBuilder("{");
        for (var metric = 0; metric < metrics; metric++) body.Append(CultureInfo.InvariantCulture, $"{(metric == 0 ? "" : ",")}\"sensor{metric:00}\":{Math.Round(500 + 100 * Math.Sin(n / 50.0 + metric), 2)}");
        return body.Append('}').ToString();
    }

    private static void Ask(SqliteConnection db, Layout layout, string question, int device)
    {
        if (layout == Layout.Json || (layout == Layout.Both && question == "whole")) AskJson(db, question, device);
        else AskValues(db, question, device);
    }

    private static void AskJson(SqliteConnection db, string question, int device)
    {
        using var command = db.CreateCommand();
        command.CommandText = $"SELECT TimeUs, Body FROM Json WHERE Device = {device} ORDER BY TimeUs {(question == "newest" ? "DESC LIMIT 1" : question == "buckets" ? "LIMIT 1440" : "LIMIT 1000")}";
        using var rows = command.ExecuteReader();
        var buckets = new (long Count, double Sum)[288];
        while (rows.Read())
        {
            var values = new ValueReader(rows.GetFieldValue<byte[]>(1));
            while (question != "whole" && values.Read())
            {
                if (!values.Name.SequenceEqual("sensor00"u8)) continue;
                ref var bucket = ref buckets[rows.GetInt64(0) / (5 * MinuteUs) % 288];
                bucket = (bucket.Count + 1, bucket.Sum + values.Number);
            }
        }
    }

    private static void AskValues(SqliteConnection db, string question, int device)
    {
        using var command = db.CreateCommand();
        var one = $"FROM Vals WHERE Device = {device} AND Metric = 0";
        command.CommandText = question switch
        {
            "newest" => $"SELECT Value {one} ORDER BY TimeUs DESC LIMIT 1",
            "history" => $"SELECT TimeUs, Value {one} ORDER BY TimeUs LIMIT 1000",
            "buckets" => $"SELECT TimeUs / {5 * MinuteUs}, COUNT(*), SUM(Value) {one} AND TimeUs < {1440L * MinuteUs} GROUP BY 1",
            _ => $"SELECT TimeUs, Metric, Value FROM Vals WHERE Device = {device} AND TimeUs < {1000L * MinuteUs} ORDER BY TimeUs, Metric",
        };
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            for (var column = 0; column < rows.FieldCount; column++) rows.GetDouble(column);
        }
    }

    /// <returns>Milliseconds for each time.</returns>
    private static double Cpu(Action<int> ask)
    {
        for (var n = 0; n < 10; n++) ask(n);
        var started = Environment.CpuUsage.TotalTime;
        for (var n = 0; n < Asked; n++) ask(n % Devices);
        return (Environment.CpuUsage.TotalTime - started).TotalMilliseconds / Asked;
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

    /// <param name="Merge">CPU microseconds a message.</param>
    /// <param name="Bytes">A message takes on the disk.</param>
    /// <param name="Written">Bytes a message, until it was there.</param>
    /// <param name="Answers">CPU milliseconds each.</param>
    private sealed record Figures(double Merge, double Bytes, double Written, double[] Answers)
    {
        internal string AnswersText => string.Join(" | ", Answers.Select(answer => answer.ToString("0.000", CultureInfo.InvariantCulture)));
    }
}
