using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using IoTFleet.Fleet.Refusals;
using IoTFleet.Server.Rest;
using Microsoft.AspNetCore.Http.Features;

namespace IoTFleet.Server.Renewal;

/// <summary>The bodies of what devices ask in JSON: small, and answered in problem+json when they cannot be read.</summary>
internal static class DeviceJson
{
    private const int MaxBody = 32 * 1024;

    /// <returns>The body, or the answer to a body that cannot be read.</returns>
    public static async Task<(T? Body, IResult? Problem)> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        if (!context.Request.HasJsonContentType()) return (null, Problem(StatusCodes.Status415UnsupportedMediaType, "content-type", "The content type must be application/json."));
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = MaxBody;
        try
        {
            var body = await context.Request.ReadFromJsonAsync(type, context.RequestAborted);
            return body is null ? (null, Unreadable("it is null")) : (body, null);
        }
        catch (BadHttpRequestException tooLarge) when (tooLarge.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, Problem(StatusCodes.Status413PayloadTooLarge, "request-too-large", $"The body must not be larger than {MaxBody} bytes."));
        }
        catch (JsonException unreadable)
        {
            return (null, Unreadable(unreadable.Message));
        }
    }

    public static bool TryBase64(string text, out byte[] bytes)
    {
        bytes = new byte[(text.Length * 3 / 4) + 3];
        if (!Convert.TryFromBase64String(text, bytes, out var length)) return false;
        bytes = bytes[..length];
        return true;
    }

    public static IResult Unreadable(string why) => Problem(StatusCodes.Status400BadRequest, "request-unreadable", $"The body is not what it should be: {why}.");

    public static IResult Problem(int status, string code, string detail) => Problems.Of(status, code, ReasonCodes.Find(code)?.Meaning.TrimEnd('.') ?? "Refused", detail);
}
