using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet token create|list|revoke</c></summary>
internal static class TokenCommands
{
    private static readonly Argument<string> Id = new("id") { Description = "The token's id, as the list shows it" };
    private static readonly Option<string> Name = new("--name") { Description = "What the token is for", Required = true };
    private static readonly Option<int> Uses = new("--uses") { Description = "How many devices may enrol with it", DefaultValueFactory = _ => 1 };
    private static readonly Option<double> ValidHours = new("--valid-hours") { Description = "For how long", DefaultValueFactory = _ => 24 };
    private static readonly Option<string?> Device = new("--device") { Description = "The only device that may use it" };

    private static readonly Option<string?> Group = new("--group") { Description = "The enrolment group whose limits it is under" };

    public static Command Create(VerbFactory verb) => new("token", "Enrolment tokens, which let devices fetch their first certificate")
    {
        verb("create", "Make a token; its secret is shown once", [Name, Uses, ValidHours, Device, Group], CreateAsync),
        verb("list", "List tokens, newest first", [], ListAsync),
        verb("revoke", "Revoke a token; what it enrolled stays enrolled", [Id], RevokeAsync),
    };

    private static async Task CreateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var token = await fleet.CreateTokenAsync(RequestOf(parsed), cancellationToken);
        output.One(token, ApiJson.Default.CreatedToken,
            ("id", token.Id),
            ("secret", token.Secret),
            ("name", token.Name),
            ("uses", $"{token.MaxUses}"),
            ("expires", Output.Time(token.ExpiresAt)),
            ("group", token.Group),
            ("only for", token.DeviceId));
        output.Say("The secret cannot be shown again.");
    }

    private static CreateTokenRequest RequestOf(ParseResult parsed)
    {
        const double HoursOfAYear = 8784;
        var hours = parsed.GetValue(ValidHours);
        if (!(hours > 0 && hours <= HoursOfAYear))
            throw new UsageException($"--valid-hours must be above 0 and at most {HoursOfAYear}, not {hours}.");
        return new CreateTokenRequest
        {
            Name = parsed.GetRequiredValue(Name),
            MaxUses = parsed.GetValue(Uses),
            ExpiresInSeconds = (long)Math.Ceiling(hours * 3600),
            DeviceId = parsed.GetValue(Device),
            Group = parsed.GetValue(Group),
        };
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var tokens = await fleet.GetTokensAsync(cancellationToken).ToListAsync(cancellationToken);
        output.Many(tokens, ApiJson.Default.TokenSummary,
            ("ID", token => token.Id),
            ("NAME", token => token.Name),
            ("USES", token => $"{token.Uses}/{token.MaxUses}"),
            ("EXPIRES", token => Output.Time(token.ExpiresAt)),
            ("REVOKED", token => Output.Time(token.RevokedAt)),
            ("GROUP", token => token.Group),
            ("ONLY FOR", token => token.DeviceId));
    }

    private static async Task RevokeAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        await fleet.RevokeTokenAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.Say($"Token {parsed.GetRequiredValue(Id)} is revoked.");
    }
}
