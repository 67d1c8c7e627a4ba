using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Threading.RateLimiting;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Operators;
using IoTFleet.Server.Rest;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;

namespace IoTFleet.Server.Security;

/// <summary>
/// How an operator is known: by an API key in each REST request, or by the console's cookie, which a key was exchanged for.
/// The cookie names the key, and the key is looked up again for each request, so revoking it ends its console sessions too.
/// </summary>
internal static class OperatorAuth
{
    /// <summary>Policy of the REST API: a key in the request, never the cookie, so that no web page can use an operator's session for it.</summary>
    public const string Rest = "rest";

    /// <summary>Policy of the console: the cookie.</summary>
    public const string Console = "console";

    public const string SignInLimit = "sign-in";

    private const string KeyId = "key-id";
    private const string ApiKeyScheme = "ApiKey";
    private const string CookieScheme = CookieAuthenticationDefaults.AuthenticationScheme;

    public static Actor ActorOf(HttpContext context) =>
        context.Items[typeof(Actor)] as Actor ?? throw new InvalidOperationException("No operator is signed in; the endpoint lacks its authorization policy.");

    /// <summary>The key that the actor came with, for what goes on after it was let in.</summary>
    public static string KeyIdOf(HttpContext context) => (string)context.Items[KeyId]!;

    public static Task SignInAsync(HttpContext context, SignedIn who)
    {
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, who.Actor.Name), new Claim(KeyId, who.KeyId)], CookieScheme);
        return context.SignInAsync(CookieScheme, new ClaimsPrincipal(identity));
    }

    public static Task SignOutAsync(HttpContext context) => context.SignOutAsync(CookieScheme);

    public static IServiceCollection AddOperatorAuth(this IServiceCollection services, string cookieKeys)
    {
        services.AddDataProtection().SetApplicationName("IoTFleet").PersistKeysToFileSystem(new DirectoryInfo(cookieKeys));
        services.AddAuthentication(CookieScheme)
            .AddCookie(cookie =>
            {
                cookie.LoginPath = "/signin";
                cookie.ExpireTimeSpan = TimeSpan.FromHours(8);
                cookie.Cookie.Name = "__Host-iotfleet";
                cookie.Cookie.SecurePolicy = CookieSecurePolicy.Always;
                cookie.Cookie.SameSite = SameSiteMode.Strict;
                cookie.Events.OnValidatePrincipal = LookUpKeyAsync;
            })
            .AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(ApiKeyScheme, null);
        services.AddAuthorizationBuilder()
            .AddPolicy(Rest, policy => policy.AddAuthenticationSchemes(ApiKeyScheme).RequireAuthenticatedUser())
            .AddPolicy(Console, policy => policy.AddAuthenticationSchemes(CookieScheme).RequireAuthenticatedUser());
        return services.AddRateLimiter(limits =>
        {
            limits.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limits.AddPolicy(SignInLimit, context => RateLimitPartition.GetFixedWindowLimiter(
                context.Connection.RemoteIpAddress,
                _ => new FixedWindowRateLimiterOptions { PermitLimit = 10, Window = TimeSpan.FromMinutes(1) }));
        });
    }

    private static async Task LookUpKeyAsync(CookieValidatePrincipalContext cookie)
    {
        var signIn = cookie.HttpContext.RequestServices.GetRequiredService<SignIn>();
        if (cookie.Principal?.FindFirstValue(KeyId) is { } keyId && await signIn.AgainAsync(keyId, cookie.HttpContext.RequestAborted) is { } who)
        {
            cookie.HttpContext.Items[typeof(Actor)] = who.Actor;
            return;
        }

        cookie.RejectPrincipal();
    }

    private sealed class ApiKeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, SignIn signIn)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        private const string Bearer = "Bearer ";

        protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            var header = Request.Headers.Authorization.ToString();
            if (!header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) return AuthenticateResult.NoResult();
            if (await signIn.WithKeyAsync(header[Bearer.Length..].Trim(), Context.RequestAborted) is not { } who) return AuthenticateResult.Fail("unknown key");

            Context.Items[typeof(Actor)] = who.Actor;
            Context.Items[KeyId] = who.KeyId;
            var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, who.Actor.Name)], Scheme.Name);
            return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
        }

        protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
        {
            Response.Headers.WWWAuthenticate = "Bearer";
            await Problems.Unauthorized("Send an API key that is known and not revoked: 'Authorization: Bearer ifk_...'.").ExecuteAsync(Context);
        }
    }
}
