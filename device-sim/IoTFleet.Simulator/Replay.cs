using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;
using Microsoft.Win32.SafeHandles;

namespace IoTFleet.Simulator;

/// <summary>
/// A CSV file (RFC 4180, UTF-8, with a header) as the messages of a fleet. One pass finds where each device's rows lie; after that
/// every device reads its own rows in file order, so that a file of any size and any mixture of devices fits in little memory.
/// </summary>
internal sealed class Replay : IDisposable
{
    private const int LongestId = 63;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly CsvConfiguration Csv = new(CultureInfo.InvariantCulture) { IgnoreBlankLines = false };

    private readonly ReplayOptions _options;
    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, List<RowPlace>> _rows = [];
    private readonly Dictionary<string, string> _columnValues = [];
    private string[] _header = [];
    private DateTimeOffset? _firstTime;

    private Replay(ReplayOptions options)
    {
        _options = options;
        _file = File.OpenHandle(options.File);
    }

    private readonly record struct RowPlace(long Offset, int Length);

    /// <summary>The devices, in the order in which the file first names them.</summary>
    public IReadOnlyList<string> DeviceIds => [.. _rows.Keys];

    public long Rows => _rows.Values.Sum(rows => (long)rows.Count);

    public long Values => Rows * NewRowJson().MembersOfARow;

    /// <summary>Reads the file once.</summary>
    /// <exception cref="ReplayException">It is not CSV, or its columns or device names do not fit.</exception>
    public static Replay Open(ReplayOptions options)
    {
        var replay = new Replay(options);
        try
        {
            replay.Index();
            return replay;
        }
        catch (Exception e) when (e is ReplayException or CsvHelperException or DecoderFallbackException)
        {
            replay.Dispose();
            throw new ReplayException($"{options.File}: {Explain(e)}");
        }
    }

    /// <summary>The messages of one device, in file order.</summary>
    /// <param name="deviceId">One of <see cref="DeviceIds"/>.</param>
    /// <param name="rate">Messages a second; null to follow the time column at the chosen speed, or the acks when there is none.</param>
    public IEnumerable<Measurement> Read(string deviceId, double? rate)
    {
        var json = NewRowJson();
        var number = 0L;
        foreach (var place in _rows[deviceId])
        {
            var row = ReadRow(place);
            var time = json.TimeOf(row);
            yield return new Measurement(json.Write(row), rate is null ? DueBy(time) : TimeSpan.FromSeconds(number++ / rate.Value), time);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The device id for a value of the device column: lower case, what an id cannot hold becomes a dash.</summary>
    public static string ToDeviceId(string value)
    {
        var id = string.Concat(value.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-'));
        if (id.Length == 0) throw new ReplayException("A row names no device.");
        if (!char.IsAsciiLetterOrDigit(id[0])) id = "d" + id;
        return id.Length <= LongestId ? id : throw new ReplayException($"'{value}' is too long for a device id, which has at most {LongestId} characters.");
    }

    private RowJson NewRowJson() => new(_header, _options.DeviceColumn!, _options.TimeColumn);

    private TimeSpan? DueBy(DateTimeOffset? time) => _options.Speed is { } speed && time is not null ? (time - _firstTime) / speed : null;

    private void Index()
    {
        var offset = LengthOfByteOrderMark();
        using var stream = new FileStream(_options.File, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        stream.Position = offset;
        using var parser = new CsvParser(new StreamReader(stream, Utf8, detectEncodingFromByteOrderMarks: false), Csv);
        if (!parser.Read()) throw new ReplayException("The file is empty.");
        _header = parser.Record!;
        offset += Utf8.GetByteCount(parser.RawRecord);
        var json = NewRowJson();
        while (parser.Read())
        {
            var place = new RowPlace(offset, Utf8.GetByteCount(parser.RawRecord));
            offset += place.Length;
            if (!IsBlank(parser)) Add(parser, json, place);
        }
        if (_rows.Count == 0) throw new ReplayException("There is a header, but no row.");
    }

    private void Add(CsvParser parser, RowJson json, RowPlace place)
    {
        if (parser.Count != _header.Length)
            throw new ReplayException($"Line {parser.RawRow} has {parser.Count} fields, the header {_header.Length}.");
        var row = parser.Record!;
        if (json.TimeOf(row) is { } time && !(time >= _firstTime)) _firstTime = time;
        RowsOf(json.DeviceOf(row)).Add(place);
    }

    private List<RowPlace> RowsOf(string value)
    {
        var id = ToDeviceId(value);
        if (!_rows.TryGetValue(id, out var rows))
        {
            _columnValues[id] = value;
            return _rows[id] = [];
        }
        if (_columnValues[id] == value) return rows;
        throw new ReplayException($"'{_columnValues[id]}' and '{value}' would both be device '{id}'; rename one of them.");
    }

    private string[] ReadRow(RowPlace place)
    {
        var bytes = new byte[place.Length];
        if (RandomAccess.Read(_file, bytes, place.Offset) != place.Length)
            throw new ReplayException($"{_options.File} became shorter while it was replayed.");
        using var parser = new CsvParser(new StringReader(Utf8.GetString(bytes)), Csv);
        return parser.Read() && parser.Record is { } row && row.Length == _header.Length
            ? row
            : throw new ReplayException($"{_options.File} changed while it was replayed.");
    }

    private int LengthOfByteOrderMark()
    {
        Span<byte> start = stackalloc byte[3];
        return RandomAccess.Read(_file, start, 0) == 3 && start.SequenceEqual("\uFEFF"u8) ? 3 : 0;
    }

    private static bool IsBlank(CsvParser parser) => parser.RawRecord.AsSpan().Trim("\r\n").IsEmpty;

    private static string Explain(Exception e) => e switch
    {
        DecoderFallbackException => "The file is not UTF-8.",
        BadDataException bad => $"Line {bad.Context?.Parser?.RawRow} is not CSV (RFC 4180): a quote stands where none may.",
        _ => e.Message,
    };
}
