using IoTFleet.Fleet.Commands;

namespace IoTFleet.Fleet.Tests;

/// <summary>A command from its sending until it is forgotten.</summary>
public class CommandLifeTests
{
    [Fact]
    public async Task The_first_answer_counts_and_a_second_changes_nothing()
    {
        await using var fleet = await StartAsync();
        var id = await SendAsync(fleet);

        Assert.Equal(AnswerCommandResult.Stored, await AnswerAsync(fleet, id, 200, "{\"rpm\":1}"));
        Assert.Equal(AnswerCommandResult.AnsweredBefore, await AnswerAsync(fleet, id, 500, null));

        var command = await OneAsync(fleet, id);
        Assert.Equal((CommandState.Answered, 200, "{\"rpm\":1}"), (command.State, command.AnswerStatus, command.AnswerPayload));
    }

    [Fact]
    public async Task Of_a_command_of_another_device_there_is_no_answer()
    {
        await using var fleet = await StartAsync();
        await fleet.EnrolAsync("pump-2");
        var id = await SendAsync(fleet);

        Assert.Equal(AnswerCommandResult.Unknown, await fleet.Get<AnswerCommand>().RunAsync(new("pump-2", id, 200, null), default));
        Assert.Null((await OneAsync(fleet, id)).AnsweredAt);
    }

    [Fact]
    public async Task An_answer_behind_the_deadline_is_kept_and_the_command_stays_expired()
    {
        await using var fleet = await StartAsync();
        var (swept, unswept) = (await SendAsync(fleet), await SendAsync(fleet));
        fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(AnswerCommandResult.TooLate, await AnswerAsync(fleet, unswept, 200, null));
        Assert.Equal([new CommandKey("pump-1", swept)], await fleet.Get<CommandBook>().ExpireAsync(default));

        Assert.Equal(AnswerCommandResult.TooLate, await AnswerAsync(fleet, swept, 200, null));

        foreach (var id in new[] { swept, unswept }) Assert.Equal((CommandState.Expired, 200), ((await OneAsync(fleet, id)).State, (await OneAsync(fleet, id)).AnswerStatus));
    }

    [Fact]
    public async Task The_next_deadline_is_the_earliest_of_what_is_open()
    {
        await using var fleet = await StartAsync();
        var now = fleet.Clock.GetUtcNow();
        await SendAsync(fleet, timeout: TimeSpan.FromDays(7));
        var second = await SendAsync(fleet, timeout: TimeSpan.FromSeconds(1));
        Assert.Equal(now.AddSeconds(1), await fleet.Get<CommandBook>().NextDeadlineAsync(default));

        await AnswerAsync(fleet, second, 200, null);

        Assert.Equal(now.AddDays(7), await fleet.Get<CommandBook>().NextDeadlineAsync(default));
    }

    [Fact]
    public async Task Sent_twice_with_one_id_it_is_one_command()
    {
        await using var fleet = await StartAsync();
        var request = new SendCommandRequest("pump-1", "open", "{\"percent\":40}", Id: "order-17");
        Assert.True(Assert.IsType<SendCommandResult.Accepted>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, request, default)).IsNew);
        await AnswerAsync(fleet, "order-17", 200, null);

        var again = Assert.IsType<SendCommandResult.Accepted>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, request, default));

        Assert.Equal((false, CommandState.Answered), (again.IsNew, again.Command.State));
        Assert.IsType<SendCommandResult.IdTaken>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, request with { Payload = "{}" }, default));
        Assert.Single(await fleet.AuditAsync("pump-1"), entry => entry.Action == "command.send");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a+b")]
    [InlineData("ä")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task An_id_that_is_no_topic_level_is_invalid(string id)
    {
        await using var fleet = await StartAsync();

        Assert.IsType<SendCommandResult.Invalid>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new("pump-1", "open", Id: id), default));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(604_801)]
    public async Task A_deadline_outside_of_a_second_and_a_week_is_invalid(double seconds)
    {
        await using var fleet = await StartAsync();

        Assert.IsType<SendCommandResult.Invalid>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new("pump-1", "open", Timeout: TimeSpan.FromSeconds(seconds)), default));
    }

    [Fact]
    public async Task A_device_has_so_many_open_commands_and_no_more_until_one_has_ended()
    {
        await using var fleet = await StartAsync();
        var first = await SendAsync(fleet);
        for (var i = 1; i < new CommandOptions().MaxOpenPerDevice; i++) await SendAsync(fleet);
        Assert.Equal(new SendCommandResult.TooManyOpen(100), await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new("pump-1", "open"), default));

        await AnswerAsync(fleet, first, 200, null);

        await SendAsync(fleet);
    }

    [Fact]
    public async Task A_payload_above_the_limit_is_not_taken()
    {
        await using var fleet = await StartAsync();
        var payload = $"\"{new string('x', 65_534)}\"";
        Assert.IsType<SendCommandResult.Accepted>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new("pump-1", "open", payload), default));

        Assert.Equal(new SendCommandResult.TooLarge(65_536), await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new("pump-1", "open", payload + " "), default));
    }

    [Fact]
    public async Task A_cancelled_command_is_over_and_cannot_be_cancelled_after_its_answer()
    {
        await using var fleet = await StartAsync();
        var (first, second) = (await SendAsync(fleet), await SendAsync(fleet));
        await AnswerAsync(fleet, second, 404, null);

        Assert.IsType<CancelCommandResult.Cancelled>(await fleet.Get<CancelCommand>().RunAsync(TestFleet.Admin, new("pump-1", first), default));
        Assert.IsType<CancelCommandResult.Over>(await fleet.Get<CancelCommand>().RunAsync(TestFleet.Admin, new("pump-1", second), default));
        Assert.IsType<CancelCommandResult.Unknown>(await fleet.Get<CancelCommand>().RunAsync(TestFleet.Admin, new("pump-1", "none"), default));
        Assert.Empty(await fleet.Get<CommandBook>().OpenOfAsync("pump-1", default));
        Assert.Single(await fleet.AuditAsync("pump-1"), entry => entry.Action == "command.cancel");
    }

    [Fact]
    public async Task Steps_in_any_order_lead_to_the_furthest_and_never_open_what_has_ended()
    {
        await using var fleet = await StartAsync();
        var (open, answered) = (await SendAsync(fleet), await SendAsync(fleet));
        await AnswerAsync(fleet, answered, 200, null);
        var at = fleet.Clock.GetUtcNow();

        await fleet.Get<CommandBook>().StepAsync([Step(open, CommandState.Delivered), Step(open, CommandState.Sent), Step(open, CommandState.Queued), Step(answered, CommandState.Sent), Step(answered, CommandState.Delivered)], default);

        Assert.Equal((CommandState.Delivered, at, at), ((await OneAsync(fleet, open)).State, (await OneAsync(fleet, open)).SentAt!.Value, (await OneAsync(fleet, open)).DeliveredAt!.Value));
        Assert.Equal((CommandState.Answered, at), ((await OneAsync(fleet, answered)).State, (await OneAsync(fleet, answered)).DeliveredAt!.Value));

        CommandStep Step(string id, CommandState state) => new(new CommandKey("pump-1", id), state, at);
    }

    [Fact]
    public async Task A_command_of_qos_2_that_reached_nobody_waits_for_its_device_again()
    {
        await using var fleet = await StartAsync();
        var sent = Assert.IsType<SendCommandResult.Accepted>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new("pump-1", "open", Qos: 2), default)).Command;
        Assert.Equal(CommandState.Sent, sent.State);

        await fleet.Get<CommandBook>().StepAsync([new CommandStep(new CommandKey("pump-1", sent.Id), CommandState.Queued, sent.CreatedAt)], default);

        Assert.Equal(CommandState.Queued, (await OneAsync(fleet, sent.Id)).State);
    }

    [Fact]
    public async Task What_ended_a_month_ago_is_forgotten_and_what_is_open_is_not()
    {
        await using var fleet = await StartAsync();
        var old = await SendAsync(fleet);
        await AnswerAsync(fleet, old, 200, null);
        fleet.Clock.Advance(TimeSpan.FromDays(29));
        var young = await SendAsync(fleet, timeout: TimeSpan.FromDays(7));
        fleet.Clock.Advance(TimeSpan.FromDays(1) + TimeSpan.FromSeconds(1));

        await fleet.Get<CommandBook>().ForgetAsync(default);

        Assert.IsType<FindCommandsResult.Unknown>(await fleet.Get<FindCommands>().RunAsync(TestFleet.Viewer, "pump-1", old, default));
        Assert.Equal(CommandState.Queued, (await OneAsync(fleet, young)).State);
    }

    [Fact]
    public async Task A_devices_commands_come_page_by_page_the_newest_first()
    {
        await using var fleet = await StartAsync();
        var sent = new List<string>();
        for (var i = 0; i < 5; i++) sent.Add(await SendAsync(fleet));
        await AnswerAsync(fleet, sent[1], 200, null);

        var first = Assert.IsType<FindCommandsResult.Page>(await fleet.Get<FindCommands>().RunAsync(TestFleet.Viewer, new("pump-1", CommandState.Queued, Limit: 2), default));
        var second = Assert.IsType<FindCommandsResult.Page>(await fleet.Get<FindCommands>().RunAsync(TestFleet.Viewer, new("pump-1", CommandState.Queued, first.Next, 2), default));

        Assert.Equal([sent[4], sent[3], sent[2], sent[0]], first.Commands.Concat(second.Commands).Select(command => command.Id));
        Assert.Null(second.Next);
    }

    [Fact]
    public async Task Devices_with_open_commands_and_what_has_ended_lately_are_known()
    {
        await using var fleet = await StartAsync();
        var first = await SendAsync(fleet);
        Assert.Equal(["pump-1"], await fleet.Get<CommandBook>().WaitingDevicesAsync(default));
        Assert.Equal(["pump-1"], await fleet.Get<CommandBook>().UnreachedDevicesAsync(default));
        var since = fleet.Clock.GetUtcNow();
        Assert.Empty(await fleet.Get<CommandBook>().ClosedSinceAsync(since, ["pump-1"], default));

        await AnswerAsync(fleet, first, 200, null);

        Assert.Empty(await fleet.Get<CommandBook>().WaitingDevicesAsync(default));
        Assert.Empty(await fleet.Get<CommandBook>().UnreachedDevicesAsync(default));
        Assert.Equal([new CommandKey("pump-1", first)], await fleet.Get<CommandBook>().ClosedSinceAsync(since, ["pump-1"], default));
    }

    private static async Task<TestFleet> StartAsync()
    {
        var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        return fleet;
    }

    private static async Task<string> SendAsync(TestFleet fleet, TimeSpan? timeout = null) =>
        Assert.IsType<SendCommandResult.Accepted>(await fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new("pump-1", "open", Timeout: timeout), default)).Command.Id;

    private static Task<AnswerCommandResult> AnswerAsync(TestFleet fleet, string id, int status, string? payload) =>
        fleet.Get<AnswerCommand>().RunAsync(new("pump-1", id, status, payload), default);

    private static async Task<StoredCommand> OneAsync(TestFleet fleet, string id) =>
        Assert.IsType<FindCommandsResult.One>(await fleet.Get<FindCommands>().RunAsync(TestFleet.Viewer, "pump-1", id, default)).Command;
}
