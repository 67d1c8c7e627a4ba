using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace IoTFleet.Simulator;

/// <summary>
/// Turns the fields of a CSV row into a JSON object. A field that is a JSON number stays the text it was (<c>100.00</c>, not 100), so
/// that what comes back can be compared with the file digit by digit; anything else becomes a string. The device column is left out.
/// </summary>
internal sealed partial class RowJson
{
    private const string TimeMember = "ts";
    private static readonly string[] TimeFormats =
    [
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd HH:mmK", "yyyy-MM-dd",
    ];

    private readonly string[] _header;
    private readonly int _deviceColumn;
    private readonly int _timeColumn;
    private readonly ArrayBufferWriter<byte> _output = new();

    public RowJson(string[] header, string deviceColumn, string? timeColumn)
    {
        _header = header;
        _deviceColumn = Find(deviceColumn);
        _timeColumn = timeColumn is null ? -1 : Find(timeColumn);
        if (header.FirstOrDefault(name => header.Count(other => other == name) > 1) is { } twice)
            throw new ReplayException($"The header names the column '{twice}' twice.");
        if (timeColumn is not null && timeColumn != TimeMember && header.Contains(TimeMember))
            throw new ReplayException($"The column '{TimeMember}' is in the way of the time column '{timeColumn}', which is sent under that name.");
    }

    public string DeviceOf(IReadOnlyList<string> row) => row[_deviceColumn];

    /// <summary>The row's time, when there is a time column and the field holds a date and time; no offset means UTC.</summary>
    public DateTimeOffset? TimeOf(IReadOnlyList<string> row)
    {
        if (_timeColumn < 0) return null;
        const DateTimeStyles Styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return DateTimeOffset.TryParseExact(row[_timeColumn], TimeFormats, CultureInfo.InvariantCulture, Styles, out var time) ? time : null;
    }

    /// <summary>How many members the object of a row has: all columns but the device's.</summary>
    public int MembersOfARow => _header.Length - 1;

    /// <summary>The row as a JSON object, UTF-8.</summary>
    public ReadOnlyMemory<byte> Write(IReadOnlyList<string> row)
    {
        _output.ResetWrittenCount();
        using var json = new Utf8JsonWriter(_output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        for (var column = 0; column < _header.Length; column++)
        {
            if (column == _deviceColumn) continue;
            if (column == _timeColumn && TimeOf(row) is { } time) json.WriteString(TimeMember, time);
            else WriteField(json, _header[column], row[column]);
        }
        json.WriteEndObject();
        json.Flush();
        return _output.WrittenSpan.ToArray();
    }

    private static void WriteField(Utf8JsonWriter json, string name, string field)
    {
        json.WritePropertyName(name);
        if (JsonNumber().IsMatch(field)) json.WriteRawValue(field, skipInputValidation: true);
        else json.WriteStringValue(field);
    }

    private int Find(string column)
    {
        var at = Array.IndexOf(_header, column);
        return at >= 0 ? at : throw new ReplayException($"There is no column '{column}'; the header has {string.Join(", ", _header)}.");
    }

    [GeneratedRegex(@"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z", RegexOptions.CultureInvariant)] // RFC 8259 6
    private static partial Regex JsonNumber();
}

/// <summary>The file cannot be replayed; the message says where and why.</summary>
internal sealed class ReplayException(string message) : Exception(message);
