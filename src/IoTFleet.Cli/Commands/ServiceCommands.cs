using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet service create|issue|list|get|revoke</c></summary>
internal static class ServiceCommands
{
    private const string Example = "--subscribe 'devices/#' --publish 'devices/+/commands/#'";

    private static readonly Argument<string> Name = new("name") { Description = "The service's name" };
    private static readonly Option<string[]> Subscribe = new("--subscribe")
    {
        Description = "A filter that covers what it may subscribe to, such as 'devices/#', 'devices/+/telemetry/#' or '$SYS/#'; repeat for more, none allows nothing",
    };

    private static readonly Option<string[]> Publish = new("--publish")
    {
        Description = "A filter of topics it may publish to, such as 'devices/+/commands/#'; repeat for more, none allows nothing",
    };

    private static readonly Option<string> Out = new("--out")
    {
        Description = "The folder for service.key, which is made here and never sent, service.pem and root.pem",
        Required = true,
    };

    private static readonly Option<string?> Reason = new("--reason") { Description = "As for a device" };

    public static Command Create(VerbFactory verb) => new("service", "Backend applications that connect to the broker with a certificate")
    {
        verb("create", $"Create a service with its topic rights and issue its first certificate, for example {Example} --out billing", [Name, Subscribe, Publish, Out], CreateAsync),
        verb("issue", "Issue another certificate: a renewal, or one for another place it runs at", [Name, Out], IssueAsync),
        verb("list", "List services", [], ListAsync),
        verb("get", "Show a service and its certificates", [Name], GetAsync),
        verb("revoke", "Revoke a service and its certificates, for good", [Name, Reason], RevokeAsync),
    };

    private static async Task CreateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var folder = ServiceFolder.Of(parsed.GetRequiredValue(Out), parsed.GetRequiredValue(Name));    // before anything is made known: it may be unusable
        await fleet.CreateServiceAsync(new CreateServiceRequest
        {
            Name = parsed.GetRequiredValue(Name),
            Subscribe = parsed.GetValue(Subscribe) ?? [],
            Publish = parsed.GetValue(Publish) ?? [],
        }, cancellationToken);
        await IssueAsync(folder, fleet, output, cancellationToken);
    }

    private static Task IssueAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        IssueAsync(ServiceFolder.Of(parsed.GetRequiredValue(Out), parsed.GetRequiredValue(Name)), fleet, output, cancellationToken);

    private static async Task IssueAsync(ServiceFolder folder, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={folder.Name}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        var issued = await fleet.IssueServiceCertificateAsync(folder.Name, request, cancellationToken);
        folder.Write(key, issued);
        output.One(issued, ApiJson.Default.IssuedServiceCertificate,
            ("name", issued.Name),
            ("serial", issued.Serial),
            ("valid until", Output.Time(issued.NotAfter)),
            ("key", folder.KeyFile),
            ("certificate", folder.CertificateFile),
            ("root", folder.RootFile));
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetServicesAsync(cancellationToken), ApiJson.Default.ServiceSummary,
            ("NAME", service => service.Name),
            ("STATE", service => service.State),
            ("CONNECTIONS", service => $"{service.Connections}"),
            ("CREATED", service => Output.Time(service.CreatedAt)),
            ("MAY SUBSCRIBE", service => Rules(service.Subscribe)),
            ("MAY PUBLISH", service => Rules(service.Publish)));

    private static async Task GetAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var service = await fleet.GetServiceAsync(parsed.GetRequiredValue(Name), cancellationToken);
        output.One(service, ApiJson.Default.ServiceDetails,
            [
                ("name", service.Name),
                ("state", service.State),
                ("created", Output.Time(service.CreatedAt)),
                ("connections", $"{service.Connections}"),
                ("may subscribe", Rules(service.Subscribe)),
                ("may publish", Rules(service.Publish)),
                .. service.Certificates.Select(certificate => ("certificate", (string?)DeviceCommands.Describe(certificate))),
            ]);
    }

    private static async Task RevokeAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var result = await fleet.RevokeServiceAsync(parsed.GetRequiredValue(Name), parsed.GetValue(Reason), cancellationToken);
        output.One(result, ApiJson.Default.ServiceRevocation,
            ("name", result.Name),
            ("state", ServiceStates.Revoked),
            ("certificates revoked", $"{result.CertificatesRevoked}"),
            ("connections closed", $"{result.ConnectionsClosed}"));
    }

    private static string Rules(IReadOnlyList<string> rules) => rules.Count == 0 ? "nothing" : string.Join(' ', rules);
}
