using System.CommandLine;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet group create|list|get|set|close|open</c></summary>
internal static class GroupCommands
{
    private static readonly Argument<string> Id = new("name") { Description = "The group's name, which is also the label of its EST address" };
    private static readonly Option<string?> Description = new("--description") { Description = "For people" };
    private static readonly Option<string[]> Ways = new("--way")
    {
        Description = "token, claimCertificate, manufacturer, preregistered or deviceCertificate; repeat for more",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<bool?> Approval = new("--approval") { Description = "Whether each request waits for 'iotfleet approve'" };
    private static readonly Option<int?> MaxPending = new("--max-pending") { Description = "Requests that may wait for approval at once" };
    private static readonly Option<string?> MaxDevices = new("--max-devices") { Description = "Devices it enrols in all, or none for no limit" };
    private static readonly Option<string?> MaxPerHour = new("--max-per-hour") { Description = "Devices it enrols in an hour, or none for no limit" };
    private static readonly Option<string?> Opens = new("--opens") { Description = "When it opens, such as 2026-12-01T08:00Z, or none" };
    private static readonly Option<string?> Closes = new("--closes") { Description = "When it closes, or none" };
    private static readonly Option<string?> IdPattern = new("--id-pattern") { Description = "What a device id must match, such as 'pump-*', or none" };
    private static readonly Option<bool?> OnlyListed = new("--only-listed-serials") { Description = "Whether only hardware serials of an import enrol" };
    private static readonly Option<string[]> Tags = new("--tag") { Description = "name=value, given to each device; repeat for more" };
    private static readonly Option<string?> Days = new("--certificate-days") { Description = "How long a certificate lives, or none for the server's setting" };
    private static readonly Option<string?> Minutes = new("--certificate-minutes") { Description = "The same in minutes; goes before the days" };
    private static readonly Option<int?> Grace = new("--grace-days") { Description = "Days after its end in which a certificate may still be renewed" };
    private static readonly Option<int?> KeyReuse = new("--key-reuse") { Description = "How many renewals may keep the same key" };
    private static readonly Option<bool?> Binding = new("--require-channel-binding") { Description = "Whether a request must be linked to its TLS session (tls-unique, TLS 1.2)" };
    private static readonly Option<bool?> ServerKeys = new("--server-keys") { Description = "Whether the server makes keys for devices that cannot" };
    private static readonly Option<bool?> Rsa = new("--allow-rsa") { Description = "Whether RSA keys are accepted" };

    private static readonly Option[] Settings =
    [
        Description, Ways, Approval, MaxPending, MaxDevices, MaxPerHour, Opens, Closes, IdPattern, OnlyListed, Tags, Days, Minutes, Grace, KeyReuse,
        Binding, ServerKeys, Rsa,
    ];

    public static Command Create(VerbFactory verb) => new("group", "Enrolment groups: ways into the fleet, each with limits of its own")
    {
        verb("create", "Open a way into the fleet, for example --way claimCertificate --id-pattern 'pump-*' --max-devices 500", [Id, .. Settings], CreateAsync),
        verb("list", "List groups", [], ListAsync),
        verb("get", "Show a group", [Id], GetAsync),
        verb("set", "Change what is given, leave the rest", [Id, .. Settings], SetAsync),
        verb("close", "Enrol nobody any more; its devices stay", [Id], CloseAsync),
        verb("open", "Open a closed group again", [Id], OpenAsync),
    };

    private static async Task CreateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.CreateGroupAsync((CreateGroupRequest)With(parsed, new CreateGroupRequest { Id = parsed.GetRequiredValue(Id) }), cancellationToken), output);

    private static async Task SetAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var id = parsed.GetRequiredValue(Id);
        var present = await fleet.GetGroupAsync(id, cancellationToken);
        Show(await fleet.ChangeGroupAsync(id, With(parsed, present), cancellationToken), output);
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetGroupsAsync(cancellationToken), ApiJson.Default.GroupDetails,
            ("NAME", group => group.Id),
            ("STATE", group => group.Closed ? "closed" : "open"),
            ("WAYS", group => string.Join(' ', group.Ways)),
            ("APPROVAL", group => group.ApprovalRequired ? "queue" : "automatic"),
            ("ENROLLED", group => group.MaxDevices is { } most ? $"{group.Enrolled}/{most}" : $"{group.Enrolled}"),
            ("DESCRIPTION", group => group.Description));

    private static async Task GetAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.GetGroupAsync(parsed.GetRequiredValue(Id), cancellationToken), output);

    private static async Task CloseAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.CloseGroupAsync(parsed.GetRequiredValue(Id), cancellationToken), output);

    private static async Task OpenAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.OpenGroupAsync(parsed.GetRequiredValue(Id), cancellationToken), output);

    private static GroupSettings With(ParseResult parsed, GroupSettings present) => present with
    {
        Description = parsed.GetValue(Description) ?? present.Description,
        Ways = parsed.GetValue(Ways) is { Length: > 0 } ways ? ways : present.Ways,
        ApprovalRequired = parsed.GetValue(Approval) ?? present.ApprovalRequired,
        MaxPending = parsed.GetValue(MaxPending) ?? present.MaxPending,
        MaxDevices = Number(parsed, MaxDevices, present.MaxDevices),
        MaxPerHour = Number(parsed, MaxPerHour, present.MaxPerHour),
        OpensAt = Time(parsed, Opens, present.OpensAt),
        ClosesAt = Time(parsed, Closes, present.ClosesAt),
        IdPattern = OrNone(parsed.GetValue(IdPattern) ?? present.IdPattern),
        OnlyListedSerials = parsed.GetValue(OnlyListed) ?? present.OnlyListedSerials,
        Tags = parsed.GetValue(Tags) is { Length: > 0 } tags ? tags : present.Tags,
        CertificateDays = Number(parsed, Days, present.CertificateDays),
        CertificateMinutes = Number(parsed, Minutes, present.CertificateMinutes),
        GraceDays = parsed.GetValue(Grace) ?? present.GraceDays,
        KeyReuseLimit = parsed.GetValue(KeyReuse) ?? present.KeyReuseLimit,
        RequireChannelBinding = parsed.GetValue(Binding) ?? present.RequireChannelBinding,
        ServerKeyGeneration = parsed.GetValue(ServerKeys) ?? present.ServerKeyGeneration,
        AllowRsa = parsed.GetValue(Rsa) ?? present.AllowRsa,
    };

    private static int? Number(ParseResult parsed, Option<string?> option, int? present)
    {
        if (parsed.GetValue(option) is not { } text) return present;
        if (OrNone(text) is null) return null;
        return int.TryParse(text, out var number) && number >= 0 ? number : throw new UsageException($"{option.Name} must be a number or none, not '{text}'.");
    }

    private static DateTimeOffset? Time(ParseResult parsed, Option<string?> option, DateTimeOffset? present)
    {
        if (parsed.GetValue(option) is not { } text) return present;
        if (OrNone(text) is null) return null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new UsageException($"{option.Name} must be a time such as 2026-12-01T08:00Z, or none, not '{text}'.");
    }

    private static string? OrNone(string? text) => text == "none" ? null : text;

    private static void Show(GroupDetails group, Output output) => output.One(group, ApiJson.Default.GroupDetails,
        ("name", group.Id),
        ("description", group.Description),
        ("state", group.Closed ? "closed" : "open"),
        ("ways", string.Join(' ', group.Ways)),
        ("approval", group.ApprovalRequired ? $"queue, {group.MaxPending} at most" : "automatic"),
        ("enrolled", $"{group.Enrolled}{(group.MaxDevices is { } most ? $" of {most}" : "")}"),
        ("an hour", group.MaxPerHour is { } rate ? $"{rate} at most" : null),
        ("opens", Output.Time(group.OpensAt)),
        ("closes", Output.Time(group.ClosesAt)),
        ("device ids", group.IdPattern),
        ("serials", group.OnlyListedSerials ? "listed ones only" : null),
        ("tags", group.Tags.Count > 0 ? string.Join(' ', group.Tags) : null),
        ("certificate lives", group.CertificateMinutes is { } minutes ? $"{minutes} min" : group.CertificateDays is { } days ? $"{days} d" : null),
        ("grace", group.GraceDays > 0 ? $"{group.GraceDays} d" : null),
        ("key reuse", group.KeyReuseLimit > 0 ? $"{group.KeyReuseLimit}" : null),
        ("channel binding", group.RequireChannelBinding ? "required" : null),
        ("server keys", group.ServerKeyGeneration ? "on" : null),
        ("RSA", group.AllowRsa ? "accepted" : null),
        ("EST", $"/.well-known/est/{group.Id}/"));
}
