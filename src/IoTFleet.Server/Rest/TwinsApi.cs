using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Twins;
using IoTFleet.Server.Mqtt;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

/// <summary>What is wanted of devices, and what they say of themselves.</summary>
internal static class TwinsApi
{
    public static void MapTwins(this IEndpointRouteBuilder api)
    {
        api.MapGet("/twins", ListAsync);
        api.MapPost("/twins/desired", ChangeManyAsync);
        api.MapGet("/devices/{id}/twin", GetAsync);
        api.MapPatch("/devices/{id}/twin/desired", (string id, ChangeDesired change, TwinRelay relay, HttpContext context, CancellationToken ct) =>
            IsJson(context.Request, "application/merge-patch+json") ? ChangeAsync(id, replace: false, change, relay, context, ct) : NotJson("application/merge-patch+json"));
        api.MapPut("/devices/{id}/twin/desired", (string id, ChangeDesired change, TwinRelay relay, HttpContext context, CancellationToken ct) =>
            IsJson(context.Request, "application/json") ? ChangeAsync(id, replace: true, change, relay, context, ct) : NotJson("application/json"));
    }

    private static async Task<IResult> ListAsync(
        FindTwins find, HttpContext context, CancellationToken cancellationToken,
        bool? inSync = null, string? prefix = null, string? cursor = null, int limit = Page<TwinSummary>.DefaultLimit) =>
        await find.RunAsync(ActorOf(context), new(inSync, prefix, cursor, limit), cancellationToken) switch
        {
            FindTwinsResult.Page page => TypedResults.Ok(new Page<TwinSummary> { Items = [.. page.Twins.Select(Summary)], Next = page.Next }),
            _ => Problems.Forbidden("see devices"),
        };

    private static async Task<IResult> GetAsync(string id, FindTwins find, HttpContext context, CancellationToken cancellationToken) =>
        await find.OneAsync(ActorOf(context), id, cancellationToken) switch
        {
            FindTwinResult.Found found => Answer(found.Twin, context),
            FindTwinResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("see devices"),
        };

    private static async Task<IResult> ChangeAsync(string id, bool replace, ChangeDesired change, TwinRelay relay, HttpContext context, CancellationToken cancellationToken)
    {
        if (!TryReadVersion(context.Request, out var version)) return Problems.Invalid("If-Match is a desired version in quotes, as GET of the twin gives it in ETag.");
        if (!TwinPatch.TryRead(await BodyAsync(context.Request, cancellationToken), out var patch, out var problem)) return Refused(problem);
        return await change.RunAsync(ActorOf(context), new(id, patch, replace, version), cancellationToken) switch
        {
            ChangeDesiredResult.Changed done => Answer(done.Twin, context, told: done.HasChanged && await relay.ChangedAsync(done.Twin)),
            ChangeDesiredResult.OtherVersion other => Problems.Of(StatusCodes.Status412PreconditionFailed, ProblemCodes.TwinChanged, "Changed meanwhile",
                $"What is wanted of {id} is at version {other.Version}, not {version}: somebody else has changed it. Read it and decide again."),
            ChangeDesiredResult.Invalid invalid => Refused(invalid.Problem),
            ChangeDesiredResult.Revoked => Problems.Conflict(ProblemCodes.DeviceRevoked, $"Device {id} is revoked; nothing is wanted of it any more."),
            ChangeDesiredResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("change devices"),
        };
    }

    private static async Task<IResult> ChangeManyAsync(ChangeTwinsRequest request, ChangeManyDesired change, TwinRelay relay, HttpContext context, CancellationToken cancellationToken)
    {
        if (!TwinPatch.TryRead(Encoding.UTF8.GetBytes(request.Patch.GetRawText()), out var patch, out var problem)) return Refused(problem);
        var target = new RevocationTarget { Group = request.Group, Batch = request.Batch, Tag = request.Tag, Ids = request.Ids };
        switch (await change.RunAsync(ActorOf(context), new(target, patch, request.DryRun, request.Confirm), cancellationToken))
        {
            case ChangeManyDesiredResult.Counted counted:
                return TypedResults.Ok(new TwinsChanged { State = "counted", Count = counted.Count, Sample = counted.Sample });
            case ChangeManyDesiredResult.Done done:
                await relay.ChangedAsync(done.Changed, CancellationToken.None);     // changed is changed, and they are told it also when the asker has gone
                return TypedResults.Ok(new TwinsChanged { State = "done", Count = done.Changed.Count + done.Unchanged + done.Refused.Count, Changed = done.Changed.Count, Refused = done.Refused });
            case ChangeManyDesiredResult.CountMismatch mismatch:
                return RevocationsApi.WrongCount(mismatch.Count, mismatch.Given, "devices");
            case ChangeManyDesiredResult.Invalid invalid:
                return Problems.Invalid(invalid.Problem);
            default:
                return Problems.Forbidden("change devices");
        }
    }

    private static IResult Answer(DeviceTwin twin, HttpContext context, bool? told = null)
    {
        context.Response.Headers.ETag = $"\"{twin.DesiredVersion.ToString(CultureInfo.InvariantCulture)}\"";
        return TypedResults.Ok(new Twin
        {
            DeviceId = twin.DeviceId,
            InSync = twin.InSync,
            DesiredVersion = twin.DesiredVersion,
            DesiredChangedAt = twin.DesiredChangedAt,
            AppliedVersion = twin.AppliedVersion,
            ReportedVersion = twin.ReportedVersion,
            ReportedAt = twin.ReportedAt,
            Desired = JsonElement.Parse(twin.Desired),
            Reported = JsonElement.Parse(twin.Reported),
            Told = told,
        });
    }

    private static TwinSummary Summary(TwinLine line) => new()
    {
        DeviceId = line.DeviceId,
        InSync = line.InSync,
        DesiredVersion = line.DesiredVersion,
        DesiredChangedAt = line.DesiredChangedAt,
        AppliedVersion = line.AppliedVersion,
        ReportedVersion = line.ReportedVersion,
        ReportedAt = line.ReportedAt,
    };

    private static IResult Refused(TwinProblem problem) => Problems.Invalid(problem.Detail, ProblemCodes.TwinRefused);

    private static bool IsJson(HttpRequest request, string type) => request.ContentType?.Split(';')[0].Trim().ToLowerInvariant() is { } given && (given == type || given == "application/json");

    private static Task<IResult> NotJson(string type) =>
        Task.FromResult(Problems.Of(StatusCodes.Status415UnsupportedMediaType, ProblemCodes.InvalidRequest, "Unsupported media type", $"Send it as {type}."));

    private static bool TryReadVersion(HttpRequest request, out long? version)
    {
        version = null;
        if (request.Headers.IfMatch is not [var text]) return request.Headers.IfMatch.Count == 0;
        if (text == "*") return true;
        if (text is not ['"', .. var digits, '"'] || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return false;
        version = number;
        return true;
    }

    /// <summary>Up to a byte more than is taken, which is then too many.</summary>
    private static async Task<byte[]> BodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellationToken);
            if (read.IsCompleted || read.Buffer.Length > TwinPatch.MaxBytes)
            {
                var body = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, TwinPatch.MaxBytes + 1)).ToArray();
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return body;
            }
            request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
