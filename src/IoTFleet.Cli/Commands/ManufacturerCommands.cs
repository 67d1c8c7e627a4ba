using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet manufacturer register|prove|list|remove</c></summary>
internal static class ManufacturerCommands
{
    private static readonly Argument<string> Id = new("id") { Description = "The manufacturer's id, as the list shows it" };
    private static readonly Argument<string> File = new("certificate") { Description = "A certificate, PEM file" };
    private static readonly Option<string> Name = new("--name") { Description = "For people", Required = true };
    private static readonly Option<string> Group = new("--group") { Description = "The enrolment group its devices come into", Required = true };

    public static Command Create(VerbFactory verb) => new("manufacturer", "Manufacturers whose device identities (IEEE 802.1AR) enrol")
    {
        verb("register", "Announce the authority that signs its device identities", [File, Name, Group], RegisterAsync),
        verb("prove", "Hand in a certificate over the challenge, signed by that authority's key", [Id, File], ProveAsync),
        verb("list", "List manufacturers", [], ListAsync),
        verb("remove", "Believe a manufacturer no more; its devices stay", [Id], RemoveAsync),
    };

    private static async Task RegisterAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.RegisterManufacturerAsync(new RegisterManufacturerRequest
        {
            Name = parsed.GetRequiredValue(Name),
            Group = parsed.GetRequiredValue(Group),
            CertificatePem = ClaimCommands.ReadFile(parsed.GetRequiredValue(File)),
        }, cancellationToken), output);

    private static async Task ProveAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.ProveManufacturerAsync(parsed.GetRequiredValue(Id), ClaimCommands.ReadFile(parsed.GetRequiredValue(File)), cancellationToken), output);

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetManufacturersAsync(cancellationToken), ApiJson.Default.ManufacturerSummary,
            ("ID", manufacturer => manufacturer.Id),
            ("NAME", manufacturer => manufacturer.Name),
            ("GROUP", manufacturer => manufacturer.Group),
            ("STATE", manufacturer => manufacturer.Registered ? "registered" : "awaiting proof"));

    private static async Task RemoveAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        await fleet.RemoveManufacturerAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.Say($"Manufacturer {parsed.GetRequiredValue(Id)} is removed.");
    }

    private static void Show(ManufacturerSummary manufacturer, Output output)
    {
        output.One(manufacturer, ApiJson.Default.ManufacturerSummary,
            ("id", manufacturer.Id),
            ("name", manufacturer.Name),
            ("group", manufacturer.Group),
            ("state", manufacturer.Registered ? "registered" : "awaiting proof"),
            ("challenge", manufacturer.Challenge));
        if (manufacturer.Challenge is not null) output.Say("Let the authority's key sign a certificate whose common name is the challenge, and hand it in with 'iotfleet manufacturer prove'.");
    }
}
