using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>Readings as lines: CSV (RFC 4180) or one JSON object each. Allocates nothing for a line but what a text or a time needs.</summary>
internal sealed class ExportLines(ExportFormat format, MetricSelection metrics, IBufferWriter<byte> output) : IDisposable
{
    private static readonly SearchValues<byte> Quoted = SearchValues.Create(",\"\r\n"u8);

    private readonly ArrayBufferWriter<byte> _field = new();
    private readonly (int Start, int Length, bool IsNull)[] _cells = new (int, int, bool)[metrics.Metrics.Count];
    private readonly Utf8JsonWriter _json = new(output, new JsonWriterOptions { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private bool HasColumns => metrics.Metrics.Count > 0;

    internal void WriteHeader()
    {
        if (format != ExportFormat.Csv) return;
        output.Write("device,stream,time,receivedAt,sequence"u8);
        if (!HasColumns) output.Write(",contentType,body"u8);
        foreach (var metric in metrics.Metrics)
        {
            output.Write(","u8);
            WriteField(Encoding.UTF8.GetBytes(metric));
        }
        output.Write("\r\n"u8);
    }

    internal void Write(StoredReading reading)
    {
        if (format == ExportFormat.Csv) WriteCsv(reading);
        else WriteJson(reading);
    }

    public void Dispose() => _json.Dispose();

    private void WriteCsv(StoredReading reading)
    {
        WriteText(reading.DeviceId);
        output.Write(","u8);
        WriteText(reading.Stream);
        output.Write(","u8);
        WriteTime(reading.TimeUs);
        output.Write(","u8);
        WriteTime(reading.ReceivedUs);
        output.Write(","u8);
        if (reading.Sequence is { } sequence) WriteNumber(sequence);
        if (HasColumns) WriteColumns(reading);
        else WriteBody(reading);
        output.Write("\r\n"u8);
    }

    private void WriteColumns(StoredReading reading)
    {
        _field.ResetWrittenCount();
        Array.Fill(_cells, (0, 0, true));
        var values = new ValueReader(reading.Body.Span);
        while (values.Read())
        {
            var column = metrics.IndexOf(values.Name);
            if (column < 0) continue;
            var start = _field.WrittenCount;
            if (values.Kind == MetricKind.Text) Encoding.UTF8.GetBytes(values.Text(), _field);
            else _field.Write(values.Raw);
            _cells[column] = (start, _field.WrittenCount - start, false);
        }
        foreach (var (start, length, isNull) in _cells)
        {
            output.Write(","u8);
            if (!isNull) WriteField(_field.WrittenSpan.Slice(start, length));
        }
    }

    private void WriteBody(StoredReading reading)
    {
        output.Write(","u8);
        WriteText(reading.ContentType ?? "");
        output.Write(","u8);
        if (reading.ContentType is null) WriteField(reading.Body.Span);
        else WriteText(Convert.ToBase64String(reading.Body.Span));
    }

    private void WriteText(string text)
    {
        _field.ResetWrittenCount();
        Encoding.UTF8.GetBytes(text, _field);
        WriteField(_field.WrittenSpan);
    }

    private void WriteField(ReadOnlySpan<byte> value)
    {
        if (value.IndexOfAny(Quoted) < 0)
        {
            output.Write(value);
            return;
        }
        output.Write("\""u8);
        for (var quote = value.IndexOf((byte)'"'); quote >= 0; quote = value.IndexOf((byte)'"'))
        {
            output.Write(value[..(quote + 1)]);
            output.Write("\""u8);
            value = value[(quote + 1)..];
        }
        output.Write(value);
        output.Write("\""u8);
    }

    private void WriteTime(long us)
    {
        var span = output.GetSpan(40);
        EpochTime.FromMicroseconds(us).TryFormat(span, out var length, "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        output.Advance(length);
    }

    private void WriteNumber(long value)
    {
        value.TryFormat(output.GetSpan(24), out var length, provider: CultureInfo.InvariantCulture);
        output.Advance(length);
    }

    private void WriteJson(StoredReading reading)
    {
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteString("deviceId"u8, reading.DeviceId);
        _json.WriteString("stream"u8, reading.Stream);
        _json.WriteString("time"u8, reading.Time);
        _json.WriteString("receivedAt"u8, reading.ReceivedAt);
        if (reading.Sequence is { } sequence) _json.WriteNumber("sequence"u8, sequence);
        if (reading.ContentType is { } type)
        {
            _json.WriteString("contentType"u8, type);
            _json.WriteBase64String("base64"u8, reading.Body.Span);
        }
        else
        {
            _json.WritePropertyName(HasColumns ? "values"u8 : "body"u8);
            if (HasColumns) ReadingValues.Write(reading, metrics, _json);
            else WriteOneLine(reading.Body.Span);
        }
        _json.WriteEndObject();
        _json.Flush();
        output.Write("\n"u8);
    }

    /// <summary>A device may have sent its object over several lines; between values these are just space.</summary>
    private void WriteOneLine(ReadOnlySpan<byte> body)
    {
        if (body.IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            _json.WriteRawValue(body, skipInputValidation: true);
            return;
        }
        var joined = body.ToArray();
        joined.AsSpan().Replace((byte)'\n', (byte)' ');
        joined.AsSpan().Replace((byte)'\r', (byte)' ');
        _json.WriteRawValue(joined, skipInputValidation: true);
    }
}
