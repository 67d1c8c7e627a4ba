using IoTFleet.Api;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Status;
using IoTFleet.Pki;
using IoTFleet.Server.Rest;
using static IoTFleet.Server.Security.OperatorAuth;
using PrepareAuthorityRequest = IoTFleet.Api.PrepareAuthorityRequest;

namespace IoTFleet.Server.Rotation;

internal static class AuthoritiesApi
{
    private const int MaxDrilled = 10_000;

    public static void MapAuthorities(this IEndpointRouteBuilder api)
    {
        api.MapGet("/authorities", ListAsync);
        api.MapPost("/authorities", PrepareAsync);
        api.MapGet("/authorities/drill", DrillAsync);
        api.MapPost("/authorities/crl", InstallCrlAsync);
        api.MapPost("/authorities/{id}/publish", async (string id, PublishAuthority use, HttpContext context, CancellationToken ct) => Answer(await use.RunAsync(ActorOf(context), new(id), ct)));
        api.MapPost("/authorities/{id}/activate", async (string id, ActivateAuthority use, HttpContext context, CancellationToken ct, RotationStepRequest? step = null) =>
            Answer(await use.RunAsync(ActorOf(context), new(id, step?.Force == true), ct)));
        api.MapPost("/authorities/{id}/retire", async (string id, RetireAuthority use, HttpContext context, CancellationToken ct, RotationStepRequest? step = null) =>
            Answer(await use.RunAsync(ActorOf(context), new(id, step?.Force == true), ct)));
        api.MapPost("/authorities/{id}/taint", async (string id, TaintAuthority use, HttpContext context, CancellationToken ct, RotationStepRequest? step = null) =>
            Answer(await use.RunAsync(ActorOf(context), new(id, step?.Force == true), ct)));
        api.MapPost("/authorities/{id}/remove", async (string id, RemoveAuthority use, HttpContext context, CancellationToken ct, RotationStepRequest? step = null) =>
            Answer(await use.RunAsync(ActorOf(context), new(id, step?.Force == true), ct)));
    }

    private static async Task<IResult> ListAsync(FindAuthorities find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), cancellationToken) switch
        {
            FindAuthoritiesResult.Found found => TypedResults.Ok(new Page<AuthoritySummary> { Items = [.. found.Authorities.Select(Summary)] }),
            _ => Problems.Forbidden("see authorities"),
        };

    private static async Task<IResult> PrepareAsync(PrepareAuthorityRequest body, PrepareAuthority use, HttpContext context, CancellationToken cancellationToken) =>
        TryReadPurpose(body.Purpose, out var purpose) ? Answer(await use.RunAsync(ActorOf(context), new(purpose), cancellationToken)) : NoPurpose(body.Purpose);

    private static async Task<IResult> InstallCrlAsync(Api.InstallCrlRequest body, InstallCrl install, HttpContext context, CancellationToken cancellationToken) =>
        await install.RunAsync(ActorOf(context), new(body.Crl), cancellationToken) switch
        {
            InstallCrlResult.Installed { List: var list } => TypedResults.Ok(new InstalledCrl { IssuerId = list.IssuerId, Number = list.Number, NextUpdate = list.NextUpdate, Entries = list.Entries }),
            InstallCrlResult.Invalid invalid => Problems.Invalid($"The list was not taken: {invalid.Problem}."),
            InstallCrlResult.NotNewer old => Problems.Conflict(ProblemCodes.CrlNotNewer, $"The list has number {old.Given}, the one here {old.Number}; a list is followed only by one of a higher number."),
            InstallCrlResult.MadeHere => Problems.Conflict(ProblemCodes.AuthorityState, "The root's key is on this machine, which makes that list by itself."),
            _ => Problems.Forbidden("install revocation lists"),
        };

    private static async Task<IResult> DrillAsync(DrillRotation drill, HttpContext context, CancellationToken cancellationToken, string? purpose = null, int limit = 100)
    {
        if (!TryReadPurpose(purpose ?? "devices", out var which)) return NoPurpose(purpose!);
        return await drill.RunAsync(ActorOf(context), new DrillRotationRequest(which, Math.Clamp(limit, 0, MaxDrilled)), cancellationToken) switch
        {
            DrillRotationResult.Rehearsed rehearsed => TypedResults.Ok(new RotationDrill { Devices = rehearsed.Devices, Out = rehearsed.Out, Steps = [.. rehearsed.Reports.Select(Step)] }),
            _ => Problems.Forbidden("rehearse a rotation"),
        };
    }

    private static IResult Answer(RotationResult result) => result switch
    {
        RotationResult.Done done => TypedResults.Ok(new RotationAnswer
        {
            Id = done.Authority.Id,
            Purpose = Name(done.Authority.Purpose),
            Generation = done.Authority.Generation,
            State = Name(done.Authority.State),
            BundleVersion = done.BundleVersion,
            Note = done.Note,
        }),
        RotationResult.UnknownAuthority => Problems.NotFound(ProblemCodes.AuthorityNotFound, "There is no such authority; list the authorities."),
        RotationResult.WrongState wrong => Problems.Conflict(ProblemCodes.AuthorityState, $"Not now: {wrong.Problem}."),
        RotationResult.NotReady notReady => Problems.Conflict(ProblemCodes.AuthorityNotReady, Explain(notReady)),
        _ => Problems.Forbidden("rotate authorities"),
    };

    private static string Explain(RotationResult.NotReady notReady)
    {
        var holders = notReady.Holders.Count > 0 ? $": {string.Join("; ", notReady.Holders)}" : "";
        return $"Not yet: {notReady.Problem}{holders}.{(notReady.MayForce ? " With force it is done all the same." : "")}";
    }

    private static AuthoritySummary Summary(AuthorityOverview found) => new()
    {
        Id = found.Authority.Id,
        Purpose = Name(found.Authority.Purpose),
        Generation = found.Authority.Generation,
        State = Name(found.Authority.State),
        StateChangedAt = found.Authority.StateChangedAt,
        NotBefore = found.Authority.NotBefore,
        NotAfter = found.Authority.NotAfter,
        KeyHere = found.KeyHere,
        LiveCertificates = found.LiveCertificates,
        DevicesSeen = found.Adoption?.Seen,
        DevicesHolding = found.Adoption?.Holding,
    };

    private static DrilledStep Step(DrillReport report) => new()
    {
        Step = report.Step == DrillStep.Activate ? "activate" : "remove",
        Id = report.AuthorityId,
        Generation = report.Generation,
        State = Name(report.State),
        Allowed = report.Allowed,
        Problem = report.Problem,
        Unprepared = report.Unprepared,
        Breaking = report.Breaking,
        OfflineUnprepared = report.OfflineUnprepared,
        UnpreparedDevices = [.. report.Devices.Select(device => new DrilledDevice { Id = device.DeviceId, Reason = device.Reason, Breaks = device.Breaks, Detail = device.Detail })],
    };

    private static bool TryReadPurpose(string text, out AuthorityPurpose purpose) =>
        Enum.TryParse(text, ignoreCase: true, out purpose) && Enum.IsDefined(purpose) && !char.IsAsciiDigit(text[0]);

    private static IResult NoPurpose(string text) => Problems.Invalid($"'{text}' is no purpose of an authority; it must be root, devices, claims, servers or services.");

    private static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
