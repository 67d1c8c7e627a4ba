using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Commands;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Fleet.Operators;
using IoTFleet.Fleet.Services;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Fleet.Twins;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests;

public sealed class PermissionTests
{
    private static readonly Actor Nobody = Actor.Device("pump-1");

    /// <summary>Each use case, and the least role that may run it.</summary>
    public static readonly TheoryData<string, Role, Func<object, Actor, Task<object>>> UseCases = new()
    {
        { "list devices", Role.Viewer, Case<FindDevices>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "get a device", Role.Viewer, Case<FindDevices>(async (u, actor) => await u.OneAsync(actor, "pump-1", default)) },
        { "latest telemetry", Role.Viewer, Case<QueryTelemetry>(async (u, actor) => await u.LatestAsync(actor, "pump-1", default)) },
        { "overview", Role.Viewer, Case<QueryTelemetry>(async (u, actor) => await u.LatestOfManyAsync(actor, 1, default)) },
        { "telemetry range", Role.Viewer, Case<QueryTelemetry>(async (u, actor) => await u.RangeAsync(actor, new("pump-1"), default)) },
        { "send a command", Role.Operator, Case<SendCommand>(async (u, actor) => await u.RunAsync(actor, new("pump-1", "restart"), default)) },
        { "cancel a command", Role.Operator, Case<CancelCommand>(async (u, actor) => await u.RunAsync(actor, new("pump-1", "c"), default)) },
        { "list commands", Role.Viewer, Case<FindCommands>(async (u, actor) => await u.RunAsync(actor, new("pump-1"), default)) },
        { "show a command", Role.Viewer, Case<FindCommands>(async (u, actor) => await u.RunAsync(actor, "pump-1", "c", default)) },
        { "list twins", Role.Viewer, Case<FindTwins>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "get a twin", Role.Viewer, Case<FindTwins>(async (u, actor) => await u.OneAsync(actor, "pump-1", default)) },
        { "change what is wanted", Role.Operator, Case<ChangeDesired>(async (u, actor) => await u.RunAsync(actor, new("pump-1", Patch), default)) },
        { "change what is wanted of many", Role.Operator, Case<ChangeManyDesired>(async (u, actor) => await u.RunAsync(actor, new(new RevocationTarget(), Patch), default)) },
        { "register a device", Role.Operator, Case<RegisterDevice>(async (u, actor) => await u.RunAsync(actor, new("pump-1"), default)) },
        { "suspend a device", Role.Operator, Case<SuspendDevice>(async (u, actor) => await u.RunAsync(actor, new("pump-1"), default)) },
        { "resume a device", Role.Operator, Case<ResumeDevice>(async (u, actor) => await u.RunAsync(actor, new("pump-1"), default)) },
        { "revoke a device", Role.Operator, Case<RevokeDevice>(async (u, actor) => await u.RunAsync(actor, new("pump-1"), default)) },
        { "create a token", Role.Administrator, Case<CreateToken>(async (u, actor) => await u.RunAsync(actor, new("line", TimeSpan.FromHours(1)), default)) },
        { "list tokens", Role.Administrator, Case<FindTokens>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "revoke a token", Role.Administrator, Case<RevokeToken>(async (u, actor) => await u.RunAsync(actor, new("t"), default)) },
        { "create a group", Role.Administrator, Case<CreateGroup>(async (u, actor) => await u.RunAsync(actor, new("g", new GroupSettings()), default)) },
        { "change a group", Role.Administrator, Case<ChangeGroup>(async (u, actor) => await u.RunAsync(actor, new("default", new GroupSettings()), default)) },
        { "close a group", Role.Administrator, Case<CloseGroup>(async (u, actor) => await u.RunAsync(actor, new("default"), default)) },
        { "list groups", Role.Viewer, Case<FindGroups>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "list services", Role.Viewer, Case<FindServices>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "get a service", Role.Viewer, Case<FindServices>(async (u, actor) => await u.OneAsync(actor, "billing", default)) },
        { "create a service", Role.Administrator, Case<CreateService>(async (u, actor) => await u.RunAsync(actor, new("billing", [], []), default)) },
        { "issue to a service", Role.Administrator, Case<IssueServiceCertificate>(async (u, actor) => await u.RunAsync(actor, new("billing", TestFleet.NewRequest()), default)) },
        { "revoke a service", Role.Administrator, Case<RevokeService>(async (u, actor) => await u.RunAsync(actor, new("billing"), default)) },
        { "list authorities", Role.Viewer, Case<FindAuthorities>(async (u, actor) => await u.RunAsync(actor, default)) },
        { "rehearse a rotation", Role.Viewer, Case<DrillRotation>(async (u, actor) => await u.RunAsync(actor, new(AuthorityPurpose.Devices), default)) },
        { "prepare an authority", Role.Administrator, Case<PrepareAuthority>(async (u, actor) => await u.RunAsync(actor, new(AuthorityPurpose.Devices), default)) },
        { "publish an authority", Role.Administrator, Case<PublishAuthority>(async (u, actor) => await u.RunAsync(actor, new("a"), default)) },
        { "activate an authority", Role.Administrator, Case<ActivateAuthority>(async (u, actor) => await u.RunAsync(actor, new("a"), default)) },
        { "retire an authority", Role.Administrator, Case<RetireAuthority>(async (u, actor) => await u.RunAsync(actor, new("a"), default)) },
        { "taint an authority", Role.Administrator, Case<TaintAuthority>(async (u, actor) => await u.RunAsync(actor, new("a"), default)) },
        { "remove an authority", Role.Administrator, Case<RemoveAuthority>(async (u, actor) => await u.RunAsync(actor, new("a"), default)) },
        { "create a rule", Role.Operator, Case<CreateRule>(async (u, actor) => await u.RunAsync(actor, new("hot", new RuleSettings()), default)) },
        { "change a rule", Role.Operator, Case<ChangeRule>(async (u, actor) => await u.RunAsync(actor, new("hot", new RuleSettings()), default)) },
        { "delete a rule", Role.Operator, Case<DeleteRule>(async (u, actor) => await u.RunAsync(actor, new("hot"), default)) },
        { "list rules", Role.Viewer, Case<FindRules>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "list alerts", Role.Viewer, Case<FindAlerts>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "get an alert", Role.Viewer, Case<FindAlerts>(async (u, actor) => await u.OneAsync(actor, "a", default)) },
        { "acknowledge an alert", Role.Operator, Case<AcknowledgeAlert>(async (u, actor) => await u.RunAsync(actor, new("a"), default)) },
        { "close an alert", Role.Operator, Case<CloseAlert>(async (u, actor) => await u.RunAsync(actor, new("a"), default)) },
        { "create a webhook", Role.Administrator, Case<CreateWebhook>(async (u, actor) => await u.RunAsync(actor, new("ops", "https://ops.example/"), default)) },
        { "delete a webhook", Role.Administrator, Case<DeleteWebhook>(async (u, actor) => await u.RunAsync(actor, new("ops"), default)) },
        { "rotate a webhook's secret", Role.Administrator, Case<RotateWebhookSecret>(async (u, actor) => await u.RunAsync(actor, new("ops", TimeSpan.FromHours(1)), default)) },
        { "retire a webhook's secret", Role.Administrator, Case<RetireWebhookSecret>(async (u, actor) => await u.RunAsync(actor, new("ops"), default)) },
        { "test a webhook", Role.Administrator, Case<TestWebhook>(async (u, actor) => await u.RunAsync(actor, new("ops"), default)) },
        { "list webhooks", Role.Viewer, Case<FindWebhooks>(async (u, actor) => await u.RunAsync(actor, default)) },
        { "list deliveries", Role.Viewer, Case<FindDeliveries>(async (u, actor) => await u.RunAsync(actor, new(), default)) },
        { "replay a delivery", Role.Operator, Case<ReplayDelivery>(async (u, actor) => await u.RunAsync(actor, new("d"), default)) },
        { "create a key", Role.Administrator, Case<CreateKey>(async (u, actor) => await u.RunAsync(actor, new("k", Role.Viewer), default)) },
        { "revoke a key", Role.Administrator, Case<RevokeKey>(async (u, actor) => await u.RunAsync(actor, new("k"), default)) },
    };

    [Theory]
    [MemberData(nameof(UseCases), DisableDiscoveryEnumeration = true)]
    public async Task A_use_case_asks_for_its_role(string useCase, Role least, Func<object, Actor, Task<object>> run)
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.Equal("Forbidden", (await run(fleet, Nobody)).GetType().Name);
        foreach (var role in Enum.GetValues<Role>())
        {
            var forbidden = (await run(fleet, Actor.Operator("op", role))).GetType().Name == "Forbidden";
            Assert.True(forbidden == role < least, $"{role} asked to {useCase}");
        }
    }

    [Fact]
    public async Task What_was_forbidden_is_audited()
    {
        await using var fleet = await TestFleet.StartAsync();

        await fleet.Get<RevokeDevice>().RunAsync(TestFleet.Viewer, new("pump-1"), default);

        var entry = await fleet.ReadAsync(db => db.Audit.SingleAsync());
        Assert.Equal(("device.revoke", "pump-1", "forbidden", "vic"), (entry.Action, entry.Subject, entry.Outcome, entry.ActorName));
    }

    private static TwinPatch Patch => TwinPatch.TryRead("{}"u8.ToArray(), out var patch, out _) ? patch : throw new InvalidOperationException("{} is a patch.");

    private static Func<object, Actor, Task<object>> Case<TUseCase>(Func<TUseCase, Actor, Task<object>> run)
        where TUseCase : notnull => (fleet, actor) => run(((TestFleet)fleet).Get<TUseCase>(), actor);
}
