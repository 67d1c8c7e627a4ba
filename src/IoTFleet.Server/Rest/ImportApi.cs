using System.Buffers;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Fleet.Enrolment.Import;
using Microsoft.AspNetCore.Http.Features;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

internal static class ImportApi
{
    private const long MaxBody = 256L * 1024 * 1024;

    public static void MapImport(this IEndpointRouteBuilder api) => api.MapPost("/import", ImportAsync);

    /// <summary>Rows in, results out, at the same time: neither the file nor the answer is ever held whole. Whoever sends without reading slows himself down.</summary>
    private static async Task<IResult> ImportAsync(ImportDevices import, HttpContext context, CancellationToken cancellationToken, bool dryRun = false, long from = 1)
    {
        if (FormatOf(context.Request.ContentType) is not { } format) return Problems.Invalid("The content type must be text/csv or application/x-ndjson.");
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = MaxBody;
        var rows = ImportReader.ReadAsync(context.Request.BodyReader, format, from, cancellationToken);
        if (await import.RunAsync(ActorOf(context), new ImportDevicesRequest(rows, dryRun), cancellationToken) is not ImportDevicesResult.Running running)
            return Problems.Forbidden("import devices");

        context.Response.ContentType = "application/x-ndjson";
        var writer = context.Response.BodyWriter;
        await foreach (var row in running.Rows.WithCancellation(cancellationToken))
        {
            writer.Write(JsonSerializer.SerializeToUtf8Bytes(Line(row), ApiJson.Default.ImportedRow));
            writer.Write("\n"u8);
            if (writer.UnflushedBytes > 4096) await writer.FlushAsync(cancellationToken);
        }
        return TypedResults.Empty;
    }

    private static ImportFormat? FormatOf(string? contentType) => contentType?.Split(';')[0].Trim().ToLowerInvariant() switch
    {
        "text/csv" => ImportFormat.Csv,
        "application/x-ndjson" or "application/jsonl" => ImportFormat.Ndjson,
        _ => null,
    };

    private static ImportedRow Line(ImportRowResult row) => new()
    {
        Row = row.Row,
        Id = row.Id,
        Outcome = row.Outcome.ToString().ToLowerInvariant(),
        Problem = row.Problem,
    };
}
