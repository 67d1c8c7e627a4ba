using IoTFleet.Api;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Claims;
using static IoTFleet.Server.Security.OperatorAuth;
using CreateBatchRequest = IoTFleet.Api.CreateBatchRequest;

namespace IoTFleet.Server.Rest;

internal static class ClaimsApi
{
    public static void MapClaims(this IEndpointRouteBuilder api)
    {
        api.MapGet("/claims", ListAsync);
        api.MapPost("/claims", CreateAsync);
        api.MapGet("/claims/{id}", GetAsync);
        api.MapPost("/claims/{id}/certificates", IssueAsync);
    }

    private static async Task<IResult> ListAsync(FindBatches find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindBatchesRequest(), cancellationToken) switch
        {
            FindBatchesResult.Found found => TypedResults.Ok(new Page<BatchSummary> { Items = [.. found.Batches.Select(one => Summary(one.Batch))] }),
            _ => Problems.Forbidden("see claim batches"),
        };

    private static async Task<IResult> GetAsync(string id, FindBatches find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindBatchesRequest(id), cancellationToken) switch
        {
            FindBatchesResult.Found { Batches: [var one] } => TypedResults.Ok(Details(one)),
            FindBatchesResult.Found => Unknown(id),
            _ => Problems.Forbidden("see claim batches"),
        };

    private static async Task<IResult> CreateAsync(CreateBatchRequest request, CreateBatch create, HttpContext context, CancellationToken cancellationToken)
    {
        var wanted = new Fleet.Enrolment.Claims.CreateBatchRequest(request.Id, request.Group, request.Quota, request.OpensAt, request.ClosesAt);
        return await create.RunAsync(ActorOf(context), wanted, cancellationToken) switch
        {
            CreateBatchResult.Created created => TypedResults.Created($"/api/v1/claims/{created.Batch.Id}", Summary(created.Batch)),
            CreateBatchResult.AlreadyKnown => Problems.Conflict(ProblemCodes.BatchExists, $"There is a batch {request.Id}; choose another name."),
            CreateBatchResult.UnknownGroup => Problems.NotFound(ProblemCodes.GroupNotFound, $"There is no enrolment group {request.Group}."),
            CreateBatchResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("create claim batches"),
        };
    }

    private static async Task<IResult> IssueAsync(
        string id, IssueCertificateRequest body, IssueClaim issue, AuthorityDirectory authorities, HttpContext context, CancellationToken cancellationToken)
    {
        if (!SigningRequestPem.TryRead(body.Request, out var request, out var problem)) return Problems.Invalid(problem);
        return await issue.RunAsync(ActorOf(context), new IssueClaimRequest(id, request), cancellationToken) switch
        {
            IssueClaimResult.Issued issued => TypedResults.Ok(Issued(id, issued, authorities.Current)),
            IssueClaimResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            IssueClaimResult.KeyOfAnother => Problems.Conflict(ProblemCodes.KeyInUse, "The key is a device's, or may not be used; make a new one."),
            IssueClaimResult.BatchOver => Problems.Conflict(ProblemCodes.BatchOver, $"The batch {id} is revoked or its window is over."),
            IssueClaimResult.NoAuthority => Problems.Conflict(ProblemCodes.NoClaimAuthority, "The fleet has no authority for claim certificates yet; start the server once with the root's key in its folder."),
            IssueClaimResult.UnknownBatch => Unknown(id),
            _ => Problems.Forbidden("issue claim certificates"),
        };
    }

    private static IResult Unknown(string id) => Problems.NotFound(ProblemCodes.BatchNotFound, $"There is no batch {id}.");

    private static IssuedClaim Issued(string batch, IssueClaimResult.Issued issued, TrustSnapshot trust)
    {
        using var leaf = issued.Leaf.Load();
        return new IssuedClaim
        {
            Batch = batch,
            Serial = issued.Leaf.SerialHex,
            NotAfter = issued.Leaf.NotAfter,
            CertificatePem = $"{leaf.ExportCertificatePem()}\n{trust.Find(issued.IssuerId)?.Certificate.ExportCertificatePem()}\n",
            RootPem = string.Concat(trust.Roots.Select(root => root.ExportCertificatePem() + "\n")),
        };
    }

    private static BatchSummary Summary(ClaimBatch batch) => new()
    {
        Id = batch.Id,
        Group = batch.GroupId,
        Quota = batch.Quota,
        Used = batch.Used,
        OpensAt = batch.OpensAt,
        ClosesAt = batch.ClosesAt,
        RevokedAt = batch.RevokedAt,
    };

    private static BatchDetails Details(BatchWithCertificates one) => new()
    {
        Id = one.Batch.Id,
        Group = one.Batch.GroupId,
        Quota = one.Batch.Quota,
        Used = one.Batch.Used,
        OpensAt = one.Batch.OpensAt,
        ClosesAt = one.Batch.ClosesAt,
        RevokedAt = one.Batch.RevokedAt,
        Certificates = [.. one.Certificates.Select(certificate => new CertificateSummary
        {
            Serial = certificate.Serial,
            NotBefore = certificate.NotBefore,
            NotAfter = certificate.NotAfter,
            RevokedAt = certificate.RevokedAt,
        })],
    };
}
