using System.Globalization;
using System.Net.Http.Headers;
using IoTFleet.Api;
using IoTFleet.Benchmarks.Hostile;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>The same questions by REST, until the last byte is there: the real server, TLS, its JSON. CPU time is the server's.</summary>
internal static class QueriesOverHttp
{
    internal static async Task MeasureAsync(string folder, int port, int messages)
    {
        await using var server = await AttackedServer.StartAsync(folder, [], port);
        var data = Path.Combine(folder, "data");
        using var http = new HttpClient(ServerTrust.FromRootFile(Path.Combine(data, "ca", "root.pem")).CreateHandler())
        {
            BaseAddress = new Uri($"https://localhost:{port + 1}/api/v1/telemetry/"),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(data, "admin.key"))).Trim()) },
            Timeout = TimeSpan.FromMinutes(10),
        };
        Console.WriteLine("\n| question, by HTTP | p50 ms | p95 ms | server CPU ms |");
        Console.WriteLine("|---|---|---|---|");
        await AskAsync("newest values of a device", n => $"{Some(n)}/values");
        await AskAsync("newest values of 1,000 devices", _ => "-/values?limit=1000");
        await AskAsync("a page of 1,000 readings of a device", n => $"{Some(n)}/history?metric=temperature&limit=1000&from={Text(QueryStock.LastDay)}");
        await AskAsync("a device's hour by minutes", n => Buckets(n, QueryStock.LastDay, QueryStock.LastDay.AddHours(1), "1m"));
        await AskAsync("a device's dense day by 5 minutes", n => Buckets(n, QueryStock.LastDay, QueryStock.LastDay.AddDays(1), "5m"));
        await AskAsync("a device's month by hours", n => Buckets(n, QueryStock.Start, QueryStock.LastDay.AddDays(1), "1h"));
        foreach (var format in (string[])["csv", "ndjson"])
        {
            foreach (var readings in (int[])[10_000, 1_000_000]) await ExportAsync(server, http, format, readings, messages);
        }

        Task AskAsync(string what, Func<int, string> path) => QueriesBenchmark.TimeAsync(what, async n => await http.GetByteArrayAsync(path(n)), () => server.CpuTime);
    }

    private static string Some(int n) => QueryStock.DeviceId(n * 7919 % QueryStock.Devices);

    private static string Text(DateTimeOffset time) => Uri.EscapeDataString(time.ToString("O", CultureInfo.InvariantCulture));

    private static string Buckets(int n, DateTimeOffset from, DateTimeOffset to, string width) => $"{Some(n)}/buckets?metric=temperature&from={Text(from)}&to={Text(to)}&bucket={width}";

    private static async Task ExportAsync(AttackedServer server, HttpClient http, string format, int readings, int messages)
    {
        var devices = Math.Clamp((int)((long)readings * QueryStock.Devices / messages), 1, QueryStock.Devices);
        var path = $"-/export?format={format}&{string.Join('&', Enumerable.Range(0, devices).Select(n => "device=" + QueryStock.DeviceId(n)))}";
        server.ForgetPeak();
        var (resident, cpu, started, length, lines) = (server.ResidentMegabytes, server.CpuTime, TimeProvider.System.GetTimestamp(), 0L, 0L);
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[128 * 1024];
        for (int read; (read = await body.ReadAsync(buffer)) > 0; length += read) lines += buffer.AsSpan(0, read).Count((byte)'\n');
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"\nexport of {lines} lines of {format}, {length / 1e6:0} MB: {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.0} s, server CPU {(server.CpuTime - cpu).TotalSeconds:0.0} s, its memory before {resident} MB, at most {server.PeakMegabytes} MB"));
    }
}
