using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet operator create|revoke</c></summary>
internal static class OperatorCommands
{
    private static readonly Argument<string> Name = new("name") { Description = "Whose key it will be; two names are two operators" };
    private static readonly Argument<string> Id = new("id") { Description = "The key's id" };
    private static readonly Option<string> Role = new("--role") { Description = "viewer, operator or administrator", DefaultValueFactory = _ => "operator" };

    public static Command Create(VerbFactory verb) => new("operator", "Operators' keys")
    {
        verb("create", "Make a key for another operator; it is shown once", [Name, Role], CreateAsync),
        verb("revoke", "Revoke an operator's key", [Id], RevokeAsync),
    };

    private static async Task CreateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var made = await fleet.CreateOperatorAsync(new CreateOperatorRequest { Name = parsed.GetRequiredValue(Name), Role = parsed.GetRequiredValue(Role) }, cancellationToken);
        output.One(made, ApiJson.Default.CreatedOperator, ("id", made.Id), ("name", made.Name), ("role", made.Role), ("key", made.ApiKey));
    }

    private static async Task RevokeAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        await fleet.RevokeOperatorAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.Say($"Key {parsed.GetRequiredValue(Id)} is revoked.");
    }
}
