using IoTFleet.Api;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Groups;
using static IoTFleet.Server.Security.OperatorAuth;
using ApiSettings = IoTFleet.Api.GroupSettings;
using CreateGroupRequest = IoTFleet.Api.CreateGroupRequest;
using GroupSettings = IoTFleet.Fleet.Enrolment.Groups.GroupSettings;

namespace IoTFleet.Server.Rest;

internal static class GroupsApi
{
    private static readonly (string Name, EnrolmentWays Way)[] Ways =
    [
        (EnrolmentWayNames.Token, EnrolmentWays.Token),
        (EnrolmentWayNames.ClaimCertificate, EnrolmentWays.ClaimCertificate),
        (EnrolmentWayNames.Manufacturer, EnrolmentWays.Manufacturer),
        (EnrolmentWayNames.Preregistered, EnrolmentWays.Preregistered),
        (EnrolmentWayNames.DeviceCertificate, EnrolmentWays.DeviceCertificate),
    ];

    public static void MapGroups(this IEndpointRouteBuilder api)
    {
        api.MapGet("/groups", ListAsync);
        api.MapPost("/groups", CreateAsync);
        api.MapGet("/groups/{id}", GetAsync);
        api.MapPut("/groups/{id}", ChangeAsync);
        api.MapPost("/groups/{id}/close", (string id, CloseGroup close, HttpContext context, CancellationToken ct) => CloseAsync(id, true, close, context, ct));
        api.MapPost("/groups/{id}/open", (string id, CloseGroup close, HttpContext context, CancellationToken ct) => CloseAsync(id, false, close, context, ct));
    }

    private static async Task<IResult> ListAsync(FindGroups find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindGroupsRequest(), cancellationToken) switch
        {
            FindGroupsResult.Found found => TypedResults.Ok(new Page<GroupDetails> { Items = [.. found.Groups.Select(Details)] }),
            _ => Problems.Forbidden("see enrolment groups"),
        };

    private static async Task<IResult> GetAsync(string id, FindGroups find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindGroupsRequest(id), cancellationToken) switch
        {
            FindGroupsResult.Found { Groups: [var group] } => TypedResults.Ok(Details(group)),
            FindGroupsResult.Found => Unknown(id),
            _ => Problems.Forbidden("see enrolment groups"),
        };

    private static async Task<IResult> CreateAsync(CreateGroupRequest request, CreateGroup create, HttpContext context, CancellationToken cancellationToken)
    {
        if (UnknownWay(request) is { } way) return Problems.Invalid(way);
        return await create.RunAsync(ActorOf(context), new Fleet.Enrolment.Groups.CreateGroupRequest(request.Id, Settings(request)), cancellationToken) switch
        {
            CreateGroupResult.Created created => TypedResults.Created($"/api/v1/groups/{created.Group.Id}", Details(created.Group)),
            CreateGroupResult.AlreadyKnown => Problems.Conflict(ProblemCodes.GroupExists, $"There is a group {request.Id}; change it, or choose another name."),
            CreateGroupResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("create enrolment groups"),
        };
    }

    private static async Task<IResult> ChangeAsync(string id, ApiSettings request, ChangeGroup change, HttpContext context, CancellationToken cancellationToken)
    {
        if (UnknownWay(request) is { } way) return Problems.Invalid(way);
        return await change.RunAsync(ActorOf(context), new ChangeGroupRequest(id, Settings(request)), cancellationToken) switch
        {
            ChangeGroupResult.Changed changed => TypedResults.Ok(Details(changed.Group)),
            ChangeGroupResult.UnknownGroup => Unknown(id),
            ChangeGroupResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("change enrolment groups"),
        };
    }

    private static async Task<IResult> CloseAsync(string id, bool closed, CloseGroup close, HttpContext context, CancellationToken cancellationToken) =>
        await close.RunAsync(ActorOf(context), new CloseGroupRequest(id, closed), cancellationToken) switch
        {
            CloseGroupResult.Done done => TypedResults.Ok(Details(done.Group)),
            CloseGroupResult.UnknownGroup => Unknown(id),
            _ => Problems.Forbidden("close enrolment groups"),
        };

    private static IResult Unknown(string id) => Problems.NotFound(ProblemCodes.GroupNotFound, $"There is no enrolment group {id}.");

    private static string? UnknownWay(ApiSettings request) => request.Ways.FirstOrDefault(name => !Ways.Any(known => known.Name == name)) is { } unknown
        ? $"'{unknown}' is not a way in; there is {string.Join(", ", Ways.Select(known => known.Name))}."
        : null;

    private static GroupSettings Settings(ApiSettings request) => new()
    {
        Description = request.Description,
        Ways = Ways.Where(known => request.Ways.Contains(known.Name)).Aggregate(EnrolmentWays.None, (all, known) => all | known.Way),
        Approval = request.ApprovalRequired ? ApprovalMode.Queue : ApprovalMode.Automatic,
        MaxPending = request.MaxPending,
        MaxDevices = request.MaxDevices,
        MaxPerHour = request.MaxPerHour,
        OpensAt = request.OpensAt,
        ClosesAt = request.ClosesAt,
        IdPattern = request.IdPattern,
        OnlyListedSerials = request.OnlyListedSerials,
        Tags = request.Tags,
        CertificateDays = request.CertificateDays,
        CertificateMinutes = request.CertificateMinutes,
        GraceDays = request.GraceDays,
        KeyReuseLimit = request.KeyReuseLimit,
        RequireChannelBinding = request.RequireChannelBinding,
        ServerKeyGeneration = request.ServerKeyGeneration,
        AllowRsa = request.AllowRsa,
    };

    private static GroupDetails Details(EnrolmentGroup group) => new()
    {
        Id = group.Id,
        Closed = group.Closed,
        Enrolled = group.Enrolled,
        CreatedAt = group.CreatedAt,
        Description = group.Description,
        Ways = [.. Ways.Where(known => group.Ways.HasFlag(known.Way)).Select(known => known.Name)],
        ApprovalRequired = group.Approval == ApprovalMode.Queue,
        MaxPending = group.MaxPending,
        MaxDevices = group.MaxDevices,
        MaxPerHour = group.MaxPerHour,
        OpensAt = group.OpensAt,
        ClosesAt = group.ClosesAt,
        IdPattern = group.IdPattern,
        OnlyListedSerials = group.OnlyListedSerials,
        Tags = group.Tags,
        CertificateDays = group.CertificateDays,
        CertificateMinutes = group.CertificateMinutes,
        GraceDays = group.GraceDays,
        KeyReuseLimit = group.KeyReuseLimit,
        RequireChannelBinding = group.RequireChannelBinding,
        ServerKeyGeneration = group.ServerKeyGeneration,
        AllowRsa = group.AllowRsa,
    };
}
