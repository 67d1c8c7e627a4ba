using System.Text.Unicode;
using CsvHelper;
using Microsoft.Win32.SafeHandles;

namespace IoTFleet.Simulator;

/// <summary>
/// A CSV file (RFC 4180, UTF-8, with a header) as the messages of a fleet. One pass finds where each device's rows lie; after that
/// every device reads its own rows in file order, so that a file of any size and any mixture of devices fits in little memory.
/// </summary>
internal sealed class Replay : IDisposable
{
    private const int LongestId = 63;
    private static readonly CsvReaderOptions Csv = new()
    {
        Separator = ',',
        MalformedData = CsvMalformedDataHandling.Throw,
        FieldCountMismatch = CsvFieldCountHandling.Throw,
    };

    private static readonly CsvReaderOptions OneRow = Csv with { HasHeader = false };

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
        catch (Exception e) when (e is ReplayException or CsvFormatException)
        {
            replay.Dispose();
            throw new ReplayException($"{options.File}: {e.Message}");
        }
    }

    /// <summary>The messages of one device, in file order.</summary>
    /// <param name="deviceId">One of <see cref="DeviceIds"/>.</param>
    /// <param name="schedule">When to send; null to follow the time column at the chosen speed, or the acks when there is none.</param>
    public IEnumerable<Measurement> Read(string deviceId, Schedule? schedule)
    {
        var json = NewRowJson();
        var number = 0L;
        foreach (var place in _rows[deviceId])
        {
            var row = ReadRow(place);
            var time = json.TimeOf(row);
            yield return new Measurement(json.Write(row), schedule is null ? DueBy(time) : schedule.Value.DueOf(number++), time);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The device id for a value of the device column: lower case, what an id cannot hold becomes a dash.</summary>
    public static string ToDeviceId(string value)
    {
        var id = string.Concat(value.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-'));
        if (id.Length == 0) throw new ReplayException("A row names no device.");
        if (!char.IsAsciiLetterOrDigit(id[0])) id = "d" + id;
        if (id[^1] == '.') id = id[..^1] + '-'; // an id may not end with a dot
        return id.Length <= LongestId
            ? id
            : throw new ReplayException($"'{value}' is too long for a device id, which has at most {LongestId} characters.");
    }

    private RowJson NewRowJson() => new(_header, _options.DeviceColumn!, _options.TimeColumn);

    private TimeSpan? DueBy(DateTimeOffset? time) => _options.Speed is { } speed && time is not null ? (time - _firstTime) / speed : null;

    private void Index()
    {
        RefuseUtf16();
        using var reader = CsvReader.FromFile(_options.File, Csv);
        _header = [.. reader.Headers];
        var json = NewRowJson();
        while (reader.Read()) Add(reader, json);
        if (_rows.Count == 0) throw new ReplayException("There is a header, but no row.");
    }

    private void Add(CsvReader reader, RowJson json)
    {
        if (!Utf8.IsValid(reader.RawRecord)) throw new ReplayException($"Row {reader.RowNumber} is not UTF-8.");
        var row = reader.Current.ToArray();
        if (json.TimeOf(row) is { } time && !(time >= _firstTime)) _firstTime = time;
        RowsOf(json.DeviceOf(row)).Add(new RowPlace(reader.ByteOffset, reader.RawRecord.Length));
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
        using var reader = CsvReader.Create(bytes, OneRow);
        return reader.Read() && reader.FieldCount == _header.Length
            ? reader.Current.ToArray()
            : throw new ReplayException($"{_options.File} changed while it was replayed.");
    }

    // The reader would translate it, and its offsets would then count other bytes than the file has.
    private void RefuseUtf16()
    {
        Span<byte> start = stackalloc byte[2];
        if (RandomAccess.Read(_file, start, 0) == 0) throw new ReplayException("The file is empty.");
        if (start is [0xFF, 0xFE] or [0xFE, 0xFF]) throw new ReplayException("The file is UTF-16; save it as UTF-8.");
    }
}
