using System.Text;
using IoTFleet.Simulator;

namespace IoTFleet.Server.Tests;

public sealed class SimulatorReplayTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"replay-{Guid.CreateVersion7():N}.csv");

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Numbers_keep_the_digits_of_the_file()
    {
        using var replay = Open("device,a,b,c,d\nengine-001,100.00,0.0023,-0,1E+5\n");

        Assert.Equal("""{"a":100.00,"b":0.0023,"c":-0,"d":1E+5}""", Assert.Single(Bodies(replay, "engine-001")));
    }

    [Theory]
    [InlineData("+1")]
    [InlineData(".5")]
    [InlineData("5.")]
    [InlineData("007")]
    [InlineData("NaN")]
    [InlineData("1e")]
    [InlineData("1 ")]
    [InlineData("0x1F")]
    [InlineData("")]
    [InlineData("true")]
    public void Field_that_is_no_json_number_becomes_a_string(string field)
    {
        using var replay = Open($"device,a\nd1,{field}\n");

        Assert.Equal($$"""{"a":"{{field}}"}""", Assert.Single(Bodies(replay, "d1")));
    }

    [Fact]
    public void Quoted_field_with_separator_quote_and_line_break_survives()
    {
        using var replay = Open("device,note,é\r\nd1,\"a, \"\"b\"\"\r\nc\",ü\r\nd1,plain,1\r\n");

        Assert.Equal(["""{"note":"a, \"b\"\r\nc","é":"ü"}""", """{"note":"plain","é":1}"""], Bodies(replay, "d1"));
    }

    [Fact]
    public void Rows_of_mingled_devices_are_read_in_file_order_each()
    {
        using var replay = Open("n,device\n1,b\n2,a\n3,b\n\n4,a\n5,b");

        Assert.Equal(["b", "a"], replay.DeviceIds);
        Assert.Equal(["""{"n":1}""", """{"n":3}""", """{"n":5}"""], Bodies(replay, "b"));
        Assert.Equal(["""{"n":2}""", """{"n":4}"""], Bodies(replay, "a"));
    }

    [Fact]
    public void Byte_order_mark_is_not_part_of_the_first_column()
    {
        File.WriteAllText(_file, "device,a\nd1,1\nd1,2\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        using var replay = Replay.Open(Options());

        Assert.Equal(["""{"a":1}""", """{"a":2}"""], Bodies(replay, "d1"));
    }

    [Fact]
    public void Rows_and_values_are_counted_without_the_device_column()
    {
        using var replay = Open("device,a,b,c\nx,1,2,3\ny,4,5,6\n");

        Assert.Equal((2, 6), (replay.Rows, replay.Values));
    }

    [Fact]
    public void Time_column_becomes_ts_and_the_schedule_at_the_chosen_speed()
    {
        using var replay = Open("device,when,a\nd1,2013-12-02 21:15:00,1\nd1,2013-12-02T21:20:00Z,2\n", "when", speed: 60);

        var messages = replay.Read("d1", schedule: null).ToList();

        Assert.Equal("""{"ts":"2013-12-02T21:15:00+00:00","a":1}""", Encoding.UTF8.GetString(messages[0].Body.Span));
        Assert.Equal([TimeSpan.Zero, TimeSpan.FromSeconds(5)], messages.Select(message => message.Due));
        Assert.Equal(new DateTimeOffset(2013, 12, 2, 21, 20, 0, TimeSpan.Zero), messages[1].Time);
    }

    [Fact]
    public void Time_column_without_times_stays_a_member_of_its_own_name()
    {
        using var replay = Open("device,cycle\nd1,12\n", "cycle");

        var message = Assert.Single(replay.Read("d1", schedule: null));

        Assert.Equal("""{"cycle":12}""", Encoding.UTF8.GetString(message.Body.Span));
        Assert.Null(message.Time);
        Assert.Null(message.Due);
    }

    [Fact]
    public void Rate_puts_the_rows_of_a_device_on_a_schedule()
    {
        using var replay = Open("device,a\nd1,1\nd2,1\nd1,2\n");

        var due = replay.Read("d1", new Schedule(Rate: 2, Phase: 0.5)).Select(message => message.Due!.Value.TotalSeconds);

        Assert.Equal([0.25, 0.75], due);
    }

    [Theory]
    [InlineData("Engine 001", "engine-001")]
    [InlineData("Pumpe/Ü.1_a", "pumpe--.1_a")]
    [InlineData("-7", "d-7")]
    [InlineData("Unit 7.", "unit-7-")]
    public void Column_value_is_made_a_device_id(string value, string id) => Assert.Equal(id, Replay.ToDeviceId(value));

    [Theory]
    [InlineData("device,a\nPump 1,1\npump-1,2\n", "'Pump 1' and 'pump-1' would both be device 'pump-1'")]
    [InlineData("device,a\n,1\n", "A row names no device")]
    [InlineData("name,a\nd1,1\n", "no column 'device'; the header has name, a")]
    [InlineData("device,a,a\nd1,1,2\n", "names the column 'a' twice")]
    [InlineData("device,a\n", "no row")]
    [InlineData("", "empty")]
    [InlineData("device,a\nd1,1\nd1,1,2\n", "fields")]
    [InlineData("device,a\nd1,\"1\n", "quote")]
    public void File_that_does_not_fit_is_refused_by_name(string text, string reason)
    {
        var error = Assert.Throws<ReplayException>(() => Open(text));

        Assert.StartsWith(_file, error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void Ts_column_beside_a_time_column_is_refused()
    {
        var error = Assert.Throws<ReplayException>(() => Open("device,when,ts\nd1,2013-12-02,1\n", "when"));

        Assert.Contains("'ts' is in the way of the time column 'when'", error.Message);
    }

    [Fact]
    public void File_in_another_encoding_is_refused()
    {
        File.WriteAllBytes(_file, Encoding.Latin1.GetBytes("device,a\nd1,ü\n"));
        Assert.Contains("not UTF-8", Assert.Throws<ReplayException>(() => Replay.Open(Options())).Message);

        File.WriteAllText(_file, "device,a\nd1,1\n", Encoding.Unicode);
        Assert.Contains("UTF-16", Assert.Throws<ReplayException>(() => Replay.Open(Options())).Message);
    }

    private Replay Open(string text, string? timeColumn = null, double? speed = null)
    {
        File.WriteAllText(_file, text);
        return Replay.Open(Options() with { TimeColumn = timeColumn, Speed = speed });
    }

    private ReplayOptions Options() => new() { File = _file, DeviceColumn = "device" };

    private static List<string> Bodies(Replay replay, string device) =>
        [.. replay.Read(device, schedule: null).Select(message => Encoding.UTF8.GetString(message.Body.Span))];
}
