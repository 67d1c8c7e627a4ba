using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Benchmarks.Hostile;
using IoTFleet.Testing;

namespace IoTFleet.Benchmarks.Footprint;

/// <summary>
/// What the device SDK costs a small device: tests/IoTFleet.Footprint is published in three ways and run against the real server, through a proxy that counts bytes.
/// <code>
/// publish -> [enrol, first acknowledgement] -> [start again, idle, publish 10,000, cut, come back] -> [the same with a heap of 16 MB] -> [usual options, idle]
/// </code>
/// </summary>
internal static class FootprintBenchmark
{
    private const int Publishes = 10_000;

    /// <summary>As small devices want it, and as nobody publishes but who measures.</summary>
    private static readonly Dictionary<string, string> Settings = new() { ["IoTFleet__TlsTickets"] = "1", ["Broker__MaxPacketRate"] = "1000000", ["Broker__MaxByteRate"] = "1073741824" };

    public static async Task<int> RunAsync(string[] args)
    {
        var port = Option(args, "--port", 24_100);
        var idle = Option(args, "--idle", 60);
        var builds = DeviceBuild.All.Where(build => args.Contains(build.Name)).ToArray();
        var folder = Directory.CreateTempSubdirectory("iotfleet-footprint-").FullName;
        try
        {
            await using var server = await AttackedServer.StartAsync(folder, [], port, Settings);
            var columns = new List<Column>();
            foreach (var build in builds.Length == 0 ? DeviceBuild.All : builds) columns.Add(await MeasureAsync(build, folder, port, idle));
            Console.WriteLine(Machine.Describe());
            Console.WriteLine();
            Console.WriteLine(Markdown(columns));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<Column> MeasureAsync(DeviceBuild build, string folder, int port, int idle)
    {
        var program = await build.PublishAsync(SourceTree.Root, folder);
        var column = new Column(build.Title);
        column.Add("program on the disk, MB", DeviceBuild.SizeOf(program) / 1e6);
        await using var https = new CountingProxy(port + 1);
        await using var mqtt = new CountingProxy(port);
        var device = new Device(program, folder, build.Name, https.Port, mqtt.Port);

        await EnrolAsync(column, device, await TokenAsync(folder, port), https);
        await RunAsync(column, device, https, mqtt, idle);
        await RunInSmallHeapAsync(column, device, mqtt);
        using var usual = device.Start("usual", 5, Publishes);
        await usual.UntilAsync("idle");
        column.Add("resident with usual options, MB", usual.Memory("status", "VmRSS") / 1e6);
        return column;
    }

    private static async Task EnrolAsync(Column column, Device device, string token, CountingProxy https)
    {
        using var run = device.Start("constrained", 0, Publishes, ("ENROLMENT_TOKEN", token));
        await run.UntilAsync("acknowledged");
        column.Add("start to first acknowledgement with enrolment, ms", run.Running.TotalMilliseconds);
        column.Add("enrolment over HTTPS and asking when to renew: bytes from / to", https.Seen);
        await run.EndAsync();
    }

    private static async Task RunAsync(Column column, Device device, CountingProxy https, CountingProxy mqtt, int idle)
    {
        var (before, asked) = (mqtt.Seen, https.Seen);
        using var run = device.Start("constrained", idle, Publishes);
        await run.UntilAsync("connected");
        column.Add("full connection, to SUBACK: bytes from / to", mqtt.Seen - before);
        await run.UntilAsync("acknowledged");
        column.Add("start to first acknowledgement, ms", run.Running.TotalMilliseconds);

        await run.UntilAsync("idle");
        column.Add("asking over HTTPS when to renew, once a day: bytes from / to", https.Seen - asked);
        column.Add("resident (VmRSS), connected and idle, MB", run.Memory("status", "VmRSS") / 1e6);
        column.Add("of it its own (Pss), MB", run.Memory("smaps_rollup", "Pss") / 1e6);
        column.Add("managed heap in use, MB", run.Figures["idle-heap"] / 1e6);
        column.Add($"allocated in {idle} s at rest, bytes", run.Figures["idle-allocated"]);

        await run.UntilAsync("publish-begins");
        before = mqtt.Seen;
        await run.UntilAsync("publish-allocated");
        var published = mqtt.Seen - before;
        column.Add("a publish of 53 bytes: bytes from / to", new Traffic(published.Up / Publishes, published.Down / Publishes, 0));
        column.Add("allocated by a publish, bytes", run.Figures["publish-allocated"]);
        column.Add("CPU of a publish, us", run.Figures["publish-cpu-us"]);
        await run.UntilAsync("publish-readings-allocated");
        column.Add("allocated by a publish of three readings, bytes", run.Figures["publish-readings-allocated"]);

        await run.UntilAsync("cut");
        before = mqtt.Seen;
        mqtt.CutAll();
        await run.UntilAsync("back");
        column.Add("resumed connection, to SUBACK: bytes from / to", mqtt.Seen - before);
        column.Add("most ever resident, after 20,000 publishes, MB", run.Memory("status", "VmHWM") / 1e6);
        column.Add("managed heap after them, collected, MB", run.Figures["heap-after"] / 1e6);
        await run.EndAsync();
    }

    private static async Task RunInSmallHeapAsync(Column column, Device device, CountingProxy mqtt)
    {
        using var run = device.Start("constrained", 1, Publishes, ("DOTNET_GCHeapHardLimit", "1000000"));
        await run.UntilAsync("cut");
        column.Add("the same with a managed heap of at most 16 MB (GCHeapHardLimit), MB", run.Memory("status", "VmHWM") / 1e6);
        mqtt.CutAll();
        await run.UntilAsync("done");
        if (await run.EndAsync() != 0) throw new InvalidOperationException("The device with a small heap has failed.");
    }

    private static async Task<string> TokenAsync(string folder, int port)
    {
        var data = Path.Combine(folder, "data");
        var trust = ServerTrust.FromRootFile(Path.Combine(data, "ca", "root.pem"));
        using var fleet = new FleetClient(new Uri($"https://localhost:{port + 1}"), (await File.ReadAllTextAsync(Path.Combine(data, "admin.key"))).Trim(), trust);
        return (await fleet.CreateTokenAsync(new CreateTokenRequest { Name = "footprint", MaxUses = 100 })).Secret;
    }

    private static int Option(string[] args, string name, int usual) =>
        Array.IndexOf(args, name) is >= 0 and var at ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : usual;

    private static string Markdown(List<Column> columns)
    {
        var lines = new List<string> { $"| | {string.Join(" | ", columns.Select(column => column.Title))} |", "|---|" + string.Concat(columns.Select(_ => "---|")) };
        lines.AddRange(columns[0].Rows.Select((row, n) => $"| {row.What} | {string.Join(" | ", columns.Select(column => column.Rows[n].Figure))} |"));
        return string.Join('\n', lines);
    }

    private sealed record Column(string Title)
    {
        public List<(string What, string Figure)> Rows { get; } = [];

        public void Add(string what, double figure) => Rows.Add((what, figure.ToString(what.EndsWith("MB", StringComparison.Ordinal) ? "0.0" : "0", CultureInfo.InvariantCulture)));

        public void Add(string what, Traffic bytes) => Rows.Add((what, $"{bytes.Up} / {bytes.Down}"));
    }

    private sealed record Device(string Program, string Folder, string Name, int HttpsPort, int MqttPort)
    {
        public DeviceRun Start(string options, int idle, int publishes, params (string Name, string Value)[] environment) => DeviceRun.Start(
            Program,
            [Path.Combine(Folder, Name + "-keys"), $"https://localhost:{HttpsPort}", $"{MqttPort}", Root, options, $"{idle}", $"{publishes}", Name], environment);

        private string Root => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(
            System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificateFromFile(Path.Combine(Folder, "data", "ca", "root.pem")).RawData));
    }
}
