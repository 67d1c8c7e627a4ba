using System.Security.Cryptography;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Manufacturers;
using static IoTFleet.Server.Security.OperatorAuth;
using RegisterManufacturerRequest = IoTFleet.Api.RegisterManufacturerRequest;

namespace IoTFleet.Server.Rest;

internal static class ManufacturersApi
{
    public static void MapManufacturers(this IEndpointRouteBuilder api)
    {
        api.MapGet("/manufacturers", ListAsync);
        api.MapPost("/manufacturers", RegisterAsync);
        api.MapPost("/manufacturers/{id}/proof", ProveAsync);
        api.MapDelete("/manufacturers/{id}", RemoveAsync);
    }

    private static async Task<IResult> ListAsync(FindManufacturers find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), cancellationToken) switch
        {
            FindManufacturersResult.Found found => TypedResults.Ok(new Page<ManufacturerSummary> { Items = [.. found.Manufacturers.Select(Summary)] }),
            _ => Problems.Forbidden("see manufacturers"),
        };

    private static async Task<IResult> RegisterAsync(RegisterManufacturerRequest request, RegisterManufacturer register, HttpContext context, CancellationToken cancellationToken)
    {
        var wanted = new Fleet.Enrolment.Manufacturers.RegisterManufacturerRequest(request.Name, request.Group, Encoding.UTF8.GetBytes(request.CertificatePem));
        return await register.RunAsync(ActorOf(context), wanted, cancellationToken) switch
        {
            RegisterManufacturerResult.AwaitingProof waiting => TypedResults.Ok(Summary(waiting.Manufacturer)),
            RegisterManufacturerResult.AlreadyRegistered known => TypedResults.Ok(Summary(known.Manufacturer)),
            RegisterManufacturerResult.UnknownGroup => Problems.NotFound(ProblemCodes.GroupNotFound, $"There is no enrolment group {request.Group}."),
            RegisterManufacturerResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("register manufacturers"),
        };
    }

    private static async Task<IResult> ProveAsync(string id, ManufacturerProof proof, ProveManufacturer prove, HttpContext context, CancellationToken cancellationToken) =>
        await prove.RunAsync(ActorOf(context), new ProveManufacturerRequest(id, Encoding.UTF8.GetBytes(proof.CertificatePem)), cancellationToken) switch
        {
            ProveManufacturerResult.Registered registered => TypedResults.Ok(Summary(registered.Manufacturer)),
            ProveManufacturerResult.NotProven wrong => Problems.Conflict(ProblemCodes.ProofWrong, wrong.Problem),
            ProveManufacturerResult.Unknown => Unknown(id),
            _ => Problems.Forbidden("register manufacturers"),
        };

    private static async Task<IResult> RemoveAsync(string id, RemoveManufacturer remove, HttpContext context, CancellationToken cancellationToken) =>
        await remove.RunAsync(ActorOf(context), new RemoveManufacturerRequest(id), cancellationToken) switch
        {
            RemoveManufacturerResult.Removed => TypedResults.NoContent(),
            RemoveManufacturerResult.Unknown => Unknown(id),
            _ => Problems.Forbidden("remove manufacturers"),
        };

    private static IResult Unknown(string id) => Problems.NotFound(ProblemCodes.ManufacturerNotFound, $"There is no manufacturer {id}.");

    private static ManufacturerSummary Summary(ManufacturerAuthority manufacturer) => new()
    {
        Id = manufacturer.Id,
        Name = manufacturer.Name,
        Group = manufacturer.GroupId,
        Registered = manufacturer.State == ManufacturerState.Registered,
        Challenge = manufacturer.State == ManufacturerState.AwaitingProof ? manufacturer.Challenge : null,
        CertificatePem = PemEncoding.WriteString("CERTIFICATE", manufacturer.Der) + "\n",
    };
}
