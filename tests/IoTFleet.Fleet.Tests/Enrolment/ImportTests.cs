using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Fleet.Enrolment.Import;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.Import.ImportOutcome;

namespace IoTFleet.Fleet.Tests.Enrolment;

public class ImportTests(ITestOutputHelper output)
{
    private const string Devices = """
        id,serial,group,displayName,tags
        pump-1,SN1,line,"Pump ""one"", hall 3",site=north;floor=2
        pump-2,SN2,line,,
        ,SN3,line,,
        """;

    [Fact]
    public async Task Rows_become_devices_and_listed_serials()
    {
        await using var fleet = await StartAsync();

        Assert.Equal([Registered, Registered, Listed], await ImportAsync(fleet, Devices));

        var pump = await fleet.ReadAsync(db => db.Devices.SingleAsync(d => d.Id == "pump-1"));
        Assert.Equal(("Pump \"one\", hall 3", "SN1", "line"), (pump.DisplayName, pump.HardwareSerial, pump.GroupId));
        Assert.Equal(["site=north", "floor=2"], pump.Tags);
        Assert.Equal(3, await fleet.ReadAsync(db => db.AllowedSerials.CountAsync()));
    }

    [Fact]
    public async Task The_same_file_again_changes_nothing()
    {
        await using var fleet = await StartAsync();
        await ImportAsync(fleet, Devices);

        Assert.Equal([Unchanged, Unchanged, Unchanged], await ImportAsync(fleet, Devices));
    }

    [Fact]
    public async Task A_dry_run_says_the_same_and_writes_nothing()
    {
        await using var fleet = await StartAsync();

        Assert.Equal([Registered, Registered, Listed], await ImportAsync(fleet, Devices, dryRun: true));

        Assert.Equal(0, await fleet.ReadAsync(db => db.Devices.CountAsync()));
        Assert.Equal(0, await fleet.ReadAsync(db => db.AllowedSerials.CountAsync()));
    }

    [Fact]
    public async Task An_import_goes_on_from_the_row_it_is_told()
    {
        await using var fleet = await StartAsync();

        Assert.Equal([Registered, Listed], await ImportAsync(fleet, Devices, from: 2));
        Assert.Equal(["pump-2"], await fleet.ReadAsync(db => db.Devices.Select(d => d.Id).ToListAsync()));
    }

    [Fact]
    public async Task Rows_that_cannot_be_are_told_one_by_one_and_the_others_go_in()
    {
        await using var fleet = await StartAsync();
        var lines = new[]
        {
            """{"id":"pump-1","serial":"SN1","group":"line"}""",
            """{"id":"Pump-2"}""",
            """{"id":"pump-3","group":"nowhere"}""",
            """{"id":"pump-4","serial":"SN1","group":"line"}""",
            """{"id":17}""",
            """{"id":"pump-5","displayName":"x""",
            "{\"id\":\"pump-6\",\"displayName\":\"" + new string('x', 10_000) + "\"}",
            """{"id":"pump-7","tags":["a=b"]}""",
        };

        var outcomes = await ImportAsync(fleet, string.Join('\n', lines), ImportFormat.Ndjson);

        Assert.Equal([Registered, Invalid, Invalid, Conflict, Invalid, Invalid, Invalid, Registered], outcomes);
    }

    [Fact]
    public async Task An_enrolled_device_gets_another_name_but_neither_serial_nor_group()
    {
        await using var fleet = await StartAsync();
        await fleet.EnrolAsync(await fleet.TokenOfAsync("line"), "pump-1");

        Assert.Equal([Updated, Conflict], await ImportAsync(fleet, "id,displayName,group\npump-1,Pump,line\npump-1,Pump,default"));
    }

    [Theory]
    [InlineData("pump-1,SN1\n")]
    [InlineData("id,colour\npump-1,red\n")]
    public async Task A_file_without_a_heading_is_told_so(string file)
    {
        await using var fleet = await StartAsync();

        Assert.Equal([Invalid], await ImportAsync(fleet, file));
    }

    [Fact]
    public async Task A_listed_serial_of_an_import_enrols_as_its_device()
    {
        await using var fleet = await StartAsync();
        var maker = await fleet.MakerAsync("makers", new GroupSettings { OnlyListedSerials = true });
        await ImportAsync(fleet, "id,serial,group\npump-9,SN 9,makers");

        var issued = Assert.IsType<EnrolDeviceResult.Issued>(await fleet.ByMakerAsync(maker, "SN 9"));

        Assert.Equal("pump-9", issued.DeviceId);
        Assert.Equal(EnrolRefusal.SerialNotListed, await fleet.ByMakerAsync(maker, "SN 10"));
    }

    [Fact]
    public async Task A_hundred_thousand_rows_go_in_one_after_the_other()
    {
        await using var fleet = await StartAsync();
        var pipe = new Pipe();
        var writing = Task.Run(async () =>
        {
            await pipe.Writer.WriteAsync("id,serial,group\n"u8.ToArray());
            for (var i = 0; i < 100_000; i++) await pipe.Writer.WriteAsync(Encoding.UTF8.GetBytes($"dev-{i:000000},S{i:000000},line\n"));
            await pipe.Writer.CompleteAsync();
        });
        var watch = Stopwatch.StartNew();

        var outcomes = await RunAsync(fleet, pipe.Reader, ImportFormat.Csv, 1, false).GroupBy(row => row.Outcome).ToDictionaryAsync(g => g.Key, g => g.Count());

        await writing;
        output.WriteLine($"{watch.Elapsed.TotalSeconds:0.0} s");
        Assert.Equal(100_000, Assert.Single(outcomes, pair => pair.Key == Registered).Value);
        Assert.Equal(100_000, await fleet.ReadAsync(db => db.Devices.CountAsync()));
    }

    private static async Task<TestFleet> StartAsync()
    {
        var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings());
        return fleet;
    }

    private static async Task<ImportOutcome[]> ImportAsync(
        TestFleet fleet, string file, ImportFormat format = ImportFormat.Csv, long from = 1, bool dryRun = false) =>
        [.. await RunAsync(fleet, PipeReader.Create(new MemoryStream(Encoding.UTF8.GetBytes(file))), format, from, dryRun).Select(row => row.Outcome).ToListAsync()];

    private static async IAsyncEnumerable<ImportRowResult> RunAsync(TestFleet fleet, PipeReader file, ImportFormat format, long from, bool dryRun)
    {
        var request = new ImportDevicesRequest(ImportReader.ReadAsync(file, format, from, default), dryRun);
        var running = Assert.IsType<ImportDevicesResult.Running>(await fleet.Get<ImportDevices>().RunAsync(TestFleet.Admin, request, default));
        await foreach (var row in running.Rows) yield return row;
    }
}
