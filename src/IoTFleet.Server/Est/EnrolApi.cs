using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Server.Rest;

namespace IoTFleet.Server.Est;

/// <summary>The JSON twin of simpleenroll, for our own SDK: the same rules, and everything a device needs to connect in one round trip.</summary>
internal static class EnrolApi
{
    public static void MapDeviceEnrolment(this IEndpointRouteBuilder endpoints) => endpoints.MapPost("/.well-known/iotfleet/v1/enroll", EnrolAsync);

    private static async Task<IResult> EnrolAsync(EnrolmentDesk door, EnrolmentAnswer answer, HttpContext context, CancellationToken cancellationToken)
    {
        if (door.MayAsk(context) is { } tooMany) return Problem(context, tooMany);
        if (!context.Request.HasJsonContentType()) return Refuse(EnrolmentDesk.WrongType with { Detail = "The content type must be application/json." });
        if (await EstApi.ReadBodyAsync(context, cancellationToken) is not { } body)
            return Refuse(new(EnrolRefusalKind.TooLarge, "request-too-large", $"The request must not be larger than {EstFormat.MaxBody} bytes."));
        if (Read(body) is not { } asked) return Refuse(new(EnrolRefusalKind.BadRequest, "request-unreadable", "The body is not the JSON of an enrolment with the signing request as DER in base64."));
        if (!door.TryRead(asked.Der, out var request, out var refused)) return Refuse(refused);

        var attempt = new EnrolmentAttempt(asked.Request.Group, request)
        {
            DeviceId = asked.Request.DeviceId,
            Token = asked.Request.Token,
            HardwareSerial = asked.Request.HardwareSerial,
        };
        return await door.EnrolAsync(context, attempt, cancellationToken) switch
        {
            EnrolDeviceResult.Issued issued => TypedResults.Ok(await answer.ToAsync(context, issued, cancellationToken)),
            EnrolDeviceResult.Pending pending => Pending(context, pending),
            EnrolDeviceResult.Refused no => Problem(context, no),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };

        IResult Refuse(EnrolDeviceResult.Refused no) => Problem(context, door.Refuse(context, no));
    }

    private static (DeviceEnrolmentRequest Request, byte[] Der)? Read(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, ApiJson.Default.DeviceEnrolmentRequest) is { } request ? (request, Convert.FromBase64String(request.Request)) : null;
        }
        catch (Exception wrong) when (wrong is JsonException or FormatException)
        {
            return null; // Written by the peer, so expected.
        }
    }

    private static IResult Pending(HttpContext context, EnrolDeviceResult.Pending pending)
    {
        EstAnswers.SayWhen(context, pending.RetryAfter);
        return Problems.Of(StatusCodes.Status202Accepted, "approval-waiting", "Waiting", "The request waits for an operator's approval; send it again later.");
    }

    private static IResult Problem(HttpContext context, EnrolDeviceResult.Refused refused)
    {
        if (refused.RetryAfter is { } wait) EstAnswers.SayWhen(context, wait);
        return Problems.Of(EstAnswers.StatusOf(refused.Kind), refused.Code, "Not enrolled", refused.Detail);
    }
}
