using IoTFleet.Fleet.Operators;
using IoTFleet.Server.Console.Pages;
using IoTFleet.Server.Security;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace IoTFleet.Server.Console;

/// <summary>The console: pages rendered on the server, one small script, and a sign-in that turns an API key into a cookie.</summary>
internal static class ConsoleEndpoints
{
    public static void MapConsole(this WebApplication app)
    {
        app.MapRazorComponents<App>();
        app.MapGet("/console/overview", LiveOverviewAsync).RequireAuthorization(OperatorAuth.Console);
        app.MapPost("/signin", SignInAsync).AllowAnonymous().RequireRateLimiting(OperatorAuth.SignInLimit);
        app.MapPost("/signout", SignOutAsync).RequireAuthorization(OperatorAuth.Console);
        MapAsset(app, "console.css", "text/css");
        MapAsset(app, "console.js", "text/javascript");
    }

    private static async Task<IResult> LiveOverviewAsync(OverviewReport report, HttpContext context, CancellationToken cancellationToken) =>
        await report.MakeAsync(OperatorAuth.ActorOf(context), cancellationToken) is { } figures
            ? new RazorComponentResult<OverviewLive>(new { Figures = figures })
            : TypedResults.Forbid();

    private static async Task<IResult> SignInAsync([FromForm] string key, SignIn signIn, HttpContext context)
    {
        if (await signIn.WithKeyAsync(key.Trim(), context.RequestAborted) is not { } who) return TypedResults.LocalRedirect("/signin?failed=true");
        await OperatorAuth.SignInAsync(context, who);
        return TypedResults.LocalRedirect("/");
    }

    private static async Task<IResult> SignOutAsync(HttpContext context, IAntiforgery antiforgery)
    {
        await antiforgery.ValidateRequestAsync(context);
        await OperatorAuth.SignOutAsync(context);
        return TypedResults.LocalRedirect("/signin");
    }

    // Embedded, so that the console is complete wherever the server's assembly is.
    private static void MapAsset(WebApplication app, string name, string contentType)
    {
        using var stream = typeof(ConsoleEndpoints).Assembly.GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        app.MapGet("/" + name, () => TypedResults.Bytes(bytes, contentType)).AllowAnonymous();
    }
}
