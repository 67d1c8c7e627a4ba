using System.Text.Encodings.Web;
using System.Text.Json;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Server.Rest;

/// <summary>
/// The JSON of <see cref="Api.TelemetryValues"/>, of one device or a page of them, written from what was found: a page may have tens of thousands of values,
/// and a JSON element for each was most of what the answer cost.
/// </summary>
internal sealed record LatestValuesAnswer(ReadLatestValuesResult.Found Found, bool IsPage) : IResult
{
    private const int SendAt = 64 * 1024;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(response.BodyWriter, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }); // as all other answers
        if (IsPage) BeginPage(json);
        foreach (var device in Found.Devices)
        {
            Write(json, device);
            await json.FlushAsync(httpContext.RequestAborted); // to the pipe only
            if (response.BodyWriter.UnflushedBytes >= SendAt) await response.BodyWriter.FlushAsync(httpContext.RequestAborted);
        }
        if (IsPage) EndPage(json);
    }

    private static void BeginPage(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartArray("items"u8);
    }

    private void EndPage(Utf8JsonWriter json)
    {
        json.WriteEndArray();
        if (Found.Next is { } next) json.WriteString("next"u8, next);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, DeviceValues device)
    {
        json.WriteStartObject();
        json.WriteString("deviceId"u8, device.DeviceId);
        if (device.LastReceivedAt is { } received) json.WriteString("lastReceivedAt"u8, received);
        json.WriteStartArray("values"u8);
        foreach (var value in device.Values)
        {
            json.WriteStartObject();
            json.WriteString("metric"u8, value.Name);
            json.WriteString("stream"u8, value.Stream);
            json.WriteString("time"u8, EpochTime.FromMicroseconds(value.TimeUs));
            json.WritePropertyName("value"u8);
            WriteValue(json, value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, LatestValue value)
    {
        switch (value.Kind)
        {
            case MetricKind.Text: json.WriteStringValue(value.Text); break;
            case MetricKind.Boolean: json.WriteBooleanValue(value.Number != 0); break;
            case MetricKind.Number when double.IsFinite(value.Number): json.WriteNumberValue(value.Number); break;
            default: json.WriteStringValue(value.Number > 0 ? "Infinity"u8 : "-Infinity"u8); break; // larger than a double: its own digits are in the message
        }
    }
}
