using System.Security.Claims;
using IoTFleet.Server.Console.Pages;
using IoTFleet.Server.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
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

    private static async Task<RazorComponentResult<OverviewLive>> LiveOverviewAsync(OverviewReport report, CancellationToken cancellationToken) =>
        new(new { Figures = await report.MakeAsync(cancellationToken) });

    private static async Task<RedirectHttpResult> SignInAsync([FromForm] string key, OperatorAuth auth, HttpContext context)
    {
        if (await auth.IdentifyAsync(key, context.RequestAborted) is not { } who) return TypedResults.LocalRedirect("/signin?failed=true");
        var identity = new ClaimsIdentity(who.Claims, CookieAuthenticationDefaults.AuthenticationScheme, ClaimTypes.Name, ClaimTypes.Role);
        await context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, new ClaimsPrincipal(identity));
        return TypedResults.LocalRedirect("/");
    }

    private static async Task<RedirectHttpResult> SignOutAsync([FromForm] string? _, HttpContext context)
    {
        await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
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
