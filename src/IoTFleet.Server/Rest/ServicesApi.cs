using System.Security.Cryptography;
using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Services;
using IoTFleet.Pki;
using IoTFleet.Server.Mqtt;
using static IoTFleet.Server.Security.OperatorAuth;
using CreateServiceRequest = IoTFleet.Api.CreateServiceRequest;
using RevokeServiceRequest = IoTFleet.Api.RevokeServiceRequest;

namespace IoTFleet.Server.Rest;

internal static class ServicesApi
{
    private const string RequestLabel = "CERTIFICATE REQUEST";

    public static void MapServices(this IEndpointRouteBuilder api)
    {
        api.MapGet("/services", ListAsync);
        api.MapPost("/services", CreateAsync);
        api.MapGet("/services/{name}", GetAsync);
        api.MapPost("/services/{name}/certificates", IssueAsync);
        api.MapPost("/services/{name}/revoke", RevokeAsync);
    }

    private static async Task<IResult> ListAsync(FindServices find, MqttBroker broker, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindServicesRequest(), cancellationToken) switch
        {
            FindServicesResult.Found found => TypedResults.Ok(new Page<ServiceSummary> { Items = [.. found.Services.Select(service => Summary(service, broker))] }),
            _ => Problems.Forbidden("see services"),
        };

    private static async Task<IResult> CreateAsync(
        CreateServiceRequest request, CreateService create, MqttBroker broker, HttpContext context, CancellationToken cancellationToken) =>
        await create.RunAsync(ActorOf(context), new Fleet.Services.CreateServiceRequest(request.Name, request.Publish ?? [], request.Subscribe ?? []), cancellationToken) switch
        {
            CreateServiceResult.Created created => TypedResults.Created($"/api/v1/services/{created.Service.Name}", Summary(created.Service, broker)),
            CreateServiceResult.AlreadyKnown => Problems.Conflict(ProblemCodes.ServiceExists, $"There is a service {request.Name} already; a name is not used twice, not even after a revocation."),
            CreateServiceResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("create services"),
        };

    private static async Task<IResult> GetAsync(string name, FindServices find, MqttBroker broker, HttpContext context, CancellationToken cancellationToken) =>
        await find.OneAsync(ActorOf(context), name, cancellationToken) switch
        {
            FindServiceResult.Found found => TypedResults.Ok(Details(found, broker)),
            FindServiceResult.UnknownService => NoService(name),
            _ => Problems.Forbidden("see services"),
        };

    private static async Task<IResult> IssueAsync(
        string name, IssueCertificateRequest body, IssueServiceCertificate issue, AuthorityDirectory authorities, HttpContext context, CancellationToken cancellationToken)
    {
        if (!TryReadPem(body.Request, out var request, out var problem)) return Problems.Invalid($"The signing request cannot be taken: {problem}.");
        return await issue.RunAsync(ActorOf(context), new IssueServiceCertificateRequest(name, request), cancellationToken) switch
        {
            IssueServiceCertificateResult.Issued issued => TypedResults.Ok(Issued(name, issued.Leaf, authorities)),
            IssueServiceCertificateResult.Invalid invalid => Problems.Invalid($"The signing request cannot be taken: {invalid.Problem}."),
            IssueServiceCertificateResult.KeyOfAnother => Problems.Conflict(ProblemCodes.KeyInUse, "The key is a device's or another service's; make a new one."),
            IssueServiceCertificateResult.Revoked => Problems.Conflict(ProblemCodes.ServiceRevoked, $"Service {name} is revoked, which cannot be undone; create one of another name."),
            IssueServiceCertificateResult.NoAuthority => Problems.Conflict(ProblemCodes.NoServiceAuthority, "This fleet has no authority for services yet; put ca/root.key back for one start of the server, which makes it."),
            IssueServiceCertificateResult.UnknownService => NoService(name),
            _ => Problems.Forbidden("issue certificates to services"),
        };
    }

    private static async Task<IResult> RevokeAsync(
        string name, RevokeService revoke, RevocationWatch watch, MqttBroker broker, HttpContext context, CancellationToken cancellationToken, RevokeServiceRequest? request = null)
    {
        if (!DevicesApi.TryReadReason(request?.Reason, out var reason)) return DevicesApi.NoReason(request!.Reason!);
        var connections = broker.CountConnected(ServicePrincipal.SessionsOf(name));
        var result = await revoke.RunAsync(ActorOf(context), new Fleet.Services.RevokeServiceRequest(name, reason), cancellationToken);
        await watch.CatchUpAsync(cancellationToken);     // answered once it is in force here
        return result switch
        {
            RevokeServiceResult.Revoked done => TypedResults.Ok(new ServiceRevocation { Name = name, CertificatesRevoked = done.Certificates, ConnectionsClosed = connections }),
            RevokeServiceResult.UnknownService => NoService(name),
            _ => Problems.Forbidden("revoke services"),
        };
    }

    private static bool TryReadPem(string? text, out SigningRequest request, out string problem)
    {
        (request, problem) = (null!, $"it must be one PEM block '{RequestLabel}'");
        if (text is null || text.Length > 2 * SigningRequest.MaxLength || !PemEncoding.TryFind(text, out var block) || text[block.Label] != RequestLabel) return false;
        var der = Convert.FromBase64String(text[block.Base64Data]);
        if (SigningRequest.TryParse(der, out var parsed, out var refusal)) request = parsed;
        else problem = refusal;
        return parsed is not null;
    }

    private static IssuedServiceCertificate Issued(string name, IssuedLeaf leaf, AuthorityDirectory authorities) => new()
    {
        Name = name,
        Serial = leaf.SerialHex,
        NotBefore = leaf.NotBefore,
        NotAfter = leaf.NotAfter,
        CertificatePem = PemEncoding.WriteString("CERTIFICATE", leaf.Der.Span) + "\n",
        RootPem = string.Concat(authorities.Current.Roots.Reverse().Select(root => root.ExportCertificatePem() + "\n")),
    };

    private static ServiceSummary Summary(Service service, MqttBroker broker) => new()
    {
        Name = service.Name,
        State = service.State == ServiceState.Active ? ServiceStates.Active : ServiceStates.Revoked,
        Publish = service.PublishRules,
        Subscribe = service.SubscribeRules,
        CreatedAt = service.CreatedAt,
        Connections = broker.CountConnected(ServicePrincipal.SessionsOf(service.Name)),
    };

    private static ServiceDetails Details(FindServiceResult.Found found, MqttBroker broker)
    {
        var summary = Summary(found.Service, broker);
        return new ServiceDetails
        {
            Name = summary.Name,
            State = summary.State,
            Publish = summary.Publish,
            Subscribe = summary.Subscribe,
            CreatedAt = summary.CreatedAt,
            Connections = summary.Connections,
            Certificates = [.. found.Certificates.Select(certificate => new CertificateSummary
            {
                Serial = certificate.Serial,
                NotBefore = certificate.NotBefore,
                NotAfter = certificate.NotAfter,
                RevokedAt = certificate.RevokedAt,
                RevocationReason = DevicesApi.Name(certificate.RevocationReason),
            })],
        };
    }

    private static IResult NoService(string name) => Problems.NotFound(ProblemCodes.ServiceNotFound, $"There is no service {name}; list the services or create it.");
}
