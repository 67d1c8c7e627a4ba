using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Server.Est;
using Microsoft.AspNetCore.Diagnostics;

namespace IoTFleet.Server.Rest;

/// <summary>What a REST caller is told when it does not get what it asked for: problem+json with a stable code (RFC 9457).</summary>
internal static class Problems
{
    public static IResult Invalid(string detail, string code = ProblemCodes.InvalidRequest) => Of(StatusCodes.Status400BadRequest, code, "Invalid request", detail);

    public static IResult Unauthorized(string detail) => Of(StatusCodes.Status401Unauthorized, ProblemCodes.Unauthorized, "Not signed in", detail);

    public static IResult Forbidden(string what) => Of(StatusCodes.Status403Forbidden, ProblemCodes.Forbidden, "Not allowed", $"This API key may not {what}; ask an administrator for a key with a role that may.");

    public static IResult NoDevice(string id) => Of(StatusCodes.Status404NotFound, ProblemCodes.DeviceNotFound, "No such device", $"There is no device {id}; list the devices or register it.");

    public static IResult NotFound(string code, string detail) => Of(StatusCodes.Status404NotFound, code, "Not found", detail);

    public static IResult Conflict(string code, string detail) => Of(StatusCodes.Status409Conflict, code, "Conflict", detail);

    public static IResult Of(int status, string code, string title, string detail) => TypedResults.Json(
        new ApiProblem { Status = status, Title = title, Detail = detail, Code = code }, ApiJson.Default.ApiProblem, ApiProblem.MediaType, status);

    /// <summary>Answers that no endpoint gave: an unknown path, a body that cannot be read, an error of ours.</summary>
    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            StatusCodeSelector = error => error switch { BadHttpRequestException sent => sent.StatusCode, TextRefusedException => StatusCodes.Status400BadRequest, _ => StatusCodes.Status500InternalServerError },
            // Whoever sends nonsense must not fill the log, and neither must a fleet that asks a server without its database; /readyz tells of that.
            SuppressDiagnosticsCallback = failed => failed.Exception is BadHttpRequestException or TextRefusedException || IsAway(failed.HttpContext, failed.Exception),
            ExceptionHandler = context => (context.Features.Get<IExceptionHandlerFeature>()?.Error switch
            {
                BadHttpRequestException sent => Of(sent.StatusCode, ProblemCodes.InvalidRequest, "Invalid request", sent.Message),
                TextRefusedException refused => Invalid(refused.Message),
                { } error when IsAway(context, error) => Later(context),
                _ => Of(StatusCodes.Status500InternalServerError, ProblemCodes.InternalError, "Internal error", "The server failed to answer; its log says why."),
            }).ExecuteAsync(context),
        });
        app.UseStatusCodePages(async page =>
        {
            var status = page.HttpContext.Response.StatusCode;
            if (!page.HttpContext.Request.Path.StartsWithSegments("/api")) return;
            var (code, detail) = status == StatusCodes.Status404NotFound
                ? (ProblemCodes.NotFound, $"There is nothing at {page.HttpContext.Request.Path}.")
                : (ProblemCodes.InvalidRequest, "The request cannot be read; check method, content type and body.");
            await Of(status, code, "Not answered", detail).ExecuteAsync(page.HttpContext);
        });
    }

    private static bool IsAway(HttpContext context, Exception error) => context.RequestServices.GetRequiredService<FleetDatabase>().IsAway(error);

    /// <summary>Not all at the same moment.</summary>
    private static IResult Later(HttpContext context)
    {
        EstAnswers.SayWhen(context, TimeSpan.FromSeconds(Random.Shared.Next(2, 10)));
        return Of(StatusCodes.Status503ServiceUnavailable, ProblemCodes.DatabaseUnavailable, "Not now", "The server cannot ask its database just now; try again later.");
    }
}
