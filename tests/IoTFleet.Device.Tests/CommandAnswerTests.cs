using System.Text;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>Each command is run once and answered once, whatever comes twice or is cut.</summary>
public sealed class CommandAnswerTests : IDisposable
{
    private const string Done = """{"status":200}""";
    private const string AnswerTopic = $"devices/{Devices.Id}/answers/";

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _ran = [];

    public void Dispose() => _folder.Dispose();

    [Theory, BothVersions]
    public async Task What_the_handler_returns_is_the_answer(ProtocolVersion version)
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { Protocol = version });
        var handling = device.HandleCommandsAsync((command, _) => Task.FromResult(new CommandAnswer(202, command.Payload)));
        var link = await broker.AcceptDeviceAsync(version);

        await link.SendCommandAsync("reboot", "c-1", 7);

        var answer = await link.ExpectAnswerAsync();
        Assert.Equal((AnswerTopic + "c-1", """{"status":202,"payload":"c-1"}"""), (answer.Topic, answer.Text));
        await device.DisposeAsync();
        await handling.WaitAsync(Devices.Patience);
    }

    [Fact]
    public async Task A_command_from_the_stream_has_id_and_deadline_and_takes_one_answer()
    {
        var clock = new FakeClock();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { Clock = clock });
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("fan", "c-1", 7, secondsLeft: 30);

        var command = await device.TakeCommandAsync();

        Assert.Equal(("fan", "c-1", clock.GetUtcNow().AddSeconds(30)), (command.Name, command.Id, command.Deadline));
        Assert.True(await command.AnswerAsync(200));
        Assert.False(await command.AnswerAsync(500));
        Assert.Equal(Done, (await link.ExpectAnswerAsync()).Text);
    }

    [Fact]
    public async Task A_backends_own_command_expects_no_answer()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("fan/speed", 7);

        var command = await device.TakeCommandAsync();

        Assert.Equal(("fan/speed", null), (command.Name, command.Id));
        Assert.False(await command.AnswerAsync(200));
    }

    [Fact]
    public async Task An_answer_without_PUBACK_is_sent_on_the_next_connection_and_one_with_it_is_not()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        _ = device.HandleCommandsAsync(RunAsync);
        var first = await broker.AcceptDeviceAsync();
        await first.SendCommandAsync("open", "c-1", 1);
        await AcknowledgeAsync(first, await first.ExpectAnswerAsync());
        await first.SendCommandAsync("open", "c-2", 2);
        Assert.Equal(AnswerTopic + "c-2", (await first.ExpectAnswerAsync()).Topic);
        await first.DisposeAsync();

        var second = await broker.AcceptDeviceAsync();

        Assert.Equal(AnswerTopic + "c-2", (await second.ExpectAnswerAsync()).Topic);
        await AcknowledgeAsync(second, (AnswerTopic, Done, PacketId: 0xE002));
        await second.SendCommandAsync("open", "c-3", 1);
        Assert.Equal(AnswerTopic + "c-3", (await second.ExpectAnswerAsync()).Topic);
        Assert.Equal(["c-1", "c-2", "c-3"], _ran);
    }

    [Fact]
    public async Task A_command_that_comes_again_is_answered_again_and_not_run()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        _ = device.HandleCommandsAsync(RunAsync);
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "c-1", 1);
        var answer = await link.ExpectAnswerAsync();
        await AcknowledgeAsync(link, answer);

        await link.SendCommandAsync("open", "c-1", 2);

        Assert.Equal((answer.Topic, answer.Text), ((await link.ExpectAnswerAsync()) is var again ? (again.Topic, again.Text) : default));
        Assert.Equal(["c-1"], _ran);
    }

    [Fact]
    public async Task A_command_that_comes_again_while_it_is_at_work_is_acknowledged_and_not_run()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "c-1", 1);
        await device.TakeCommandAsync();
        Assert.Equal(1, (await link.ExpectAsync<PubAckPacket>()).PacketId);

        await link.SendCommandAsync("open", "c-1", 2);
        await link.SendCommandAsync("open", "c-2", 3);

        Assert.Equal("c-2", (await device.TakeCommandAsync()).Id);
        Assert.Equal(2, (await link.ExpectAsync<PubAckPacket>()).PacketId);
    }

    [Fact]
    public async Task A_command_behind_its_deadline_is_acknowledged_and_not_run()
    {
        var clock = new FakeClock();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { Clock = clock, KeepAlive = TimeSpan.FromHours(1) });
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "late", 1, secondsLeft: 5);
        await link.SendCommandAsync("open", "early", 2, secondsLeft: 60);
        var publishing = device.PublishAsync(null, Devices.Json("{}"));
        await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());
        await publishing.WaitAsync(Devices.Patience);          // so the commands before it were read

        clock.Advance(TimeSpan.FromSeconds(6));

        Assert.Equal("early", (await device.TakeCommandAsync()).Id);
        Assert.Equal(1, (await link.ExpectAsync<PubAckPacket>()).PacketId);
    }

    [Fact]
    public async Task The_handlers_token_ends_at_the_deadline_and_the_server_is_told()
    {
        var clock = new FakeClock();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { Clock = clock, KeepAlive = TimeSpan.FromHours(1) });
        var begun = new TaskCompletionSource();
        _ = device.HandleCommandsAsync(async (_, token) =>
        {
            begun.SetResult();
            await new TaskCompletionSource().Task.WaitAsync(token);
            return CommandAnswer.Done;
        });
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "c-1", 1, secondsLeft: 5);
        await begun.Task.WaitAsync(Devices.Patience);

        clock.Advance(TimeSpan.FromSeconds(5));

        Assert.StartsWith("""{"status":504""", (await link.ExpectAnswerAsync()).Text);
    }

    [Fact]
    public async Task A_handler_that_throws_or_answers_with_no_JSON_has_failed_and_the_next_command_runs()
    {
        var troubles = new List<DeviceException>();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { TroubleMet = troubles.Add });
        _ = device.HandleCommandsAsync((command, _) => command.Name switch
        {
            "throw" => throw new InvalidOperationException("The valve is stuck."),
            "bad" => Task.FromResult(new CommandAnswer(200, "{"u8.ToArray())),
            _ => Task.FromResult(CommandAnswer.Done),
        });
        var link = await broker.AcceptDeviceAsync();

        await link.SendCommandAsync("throw", "c-1", 1);
        await link.SendCommandAsync("bad", "c-2", 2);
        await link.SendCommandAsync("good", "c-3", 3);

        Assert.Equal("""{"status":500,"payload":"InvalidOperationException: The valve is stuck."}""", (await link.ExpectAnswerAsync()).Text);
        Assert.StartsWith("""{"status":500""", (await link.ExpectAnswerAsync()).Text);
        Assert.Equal(Done, (await link.ExpectAnswerAsync()).Text);
        Assert.All(troubles, trouble => Assert.Equal(DeviceError.CommandFailed, trouble.Error));
    }

    [Fact]
    public async Task An_answer_that_the_server_refuses_is_not_sent_again_and_somebody_hears_of_it()
    {
        var troubles = new List<DeviceException>();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { TroubleMet = troubles.Add });
        _ = device.HandleCommandsAsync(RunAsync);
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "c-1", 1);
        await link.SendAsync(new PubAckPacket { PacketId = (await link.ExpectAnswerAsync()).PacketId, Reason = ReasonCode.ImplementationSpecificError });
        await link.SendCommandAsync("open", "c-2", 2);

        Assert.Equal(AnswerTopic + "c-2", (await link.ExpectAnswerAsync()).Topic);

        Assert.Equal(DeviceError.CommandFailed, Assert.Single(troubles).Error);
    }

    [Fact]
    public async Task Answers_and_telemetry_together_keep_to_the_servers_receive_maximum()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        _ = device.HandleCommandsAsync(RunAsync);
        var link = await broker.AcceptDeviceAsync(terms: new PropertyBlock { ReceiveMaximum = 1 });
        _ = device.PublishAsync(null, Devices.Json("1"));
        _ = device.PublishAsync(null, Devices.Json("2"));
        var first = await link.ExpectAsync<PublishPacket>();
        await link.SendCommandAsync("open", "c-1", 1);
        Assert.Equal(1, (await link.ExpectAsync<PubAckPacket>()).PacketId);      // so its answer may be there, too, but not on the wire

        await Eventually.TrueAsync(() => Task.FromResult(_ran.Count == 1));
        await link.AcknowledgeAsync(first);

        var second = await link.ExpectAsync<PublishPacket>();
        await link.AcknowledgeAsync(second);
        var third = await link.ExpectAsync<PublishPacket>();
        Assert.Equal([AnswerTopic + "c-1", $"devices/{Devices.Id}/telemetry"], new[] { second.Topic!.Value, third.Topic!.Value }.Order());
    }

    [Fact]
    public async Task A_restart_between_begun_and_answered_is_answered_as_interrupted_and_not_run_again()
    {
        await BeginAndRestartAsync();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(OnDisk());
        _ = device.HandleCommandsAsync(RunAsync);
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "c-1", 1);

        var answer = await link.ExpectAnswerAsync();

        Assert.StartsWith("""{"status":500,"payload":"Interrupted""", answer.Text);
        Assert.Empty(_ran);
    }

    [Fact]
    public async Task A_command_that_may_run_again_does_after_a_restart()
    {
        await BeginAndRestartAsync();
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(OnDisk() with { Commands = new CommandOptions { MayRunAgain = name => name == "open" } });
        _ = device.HandleCommandsAsync(RunAsync);
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "c-1", 1);

        Assert.Equal(Done, (await link.ExpectAnswerAsync()).Text);
        Assert.Equal(["c-1"], _ran);
    }

    [Fact]
    public async Task A_restart_between_answered_and_PUBACK_sends_the_answer_again_without_being_asked()
    {
        await using var broker = new ScriptedBroker();
        await using (var before = broker.StartDevice(OnDisk()))
        {
            _ = before.HandleCommandsAsync(RunAsync);
            var first = await broker.AcceptDeviceAsync();
            await first.SendCommandAsync("open", "c-1", 1);
            await first.ExpectAnswerAsync();
        }

        await using var after = broker.StartDevice(OnDisk());
        var second = await broker.AcceptDeviceAsync();

        var answer = await second.ExpectAnswerAsync();
        Assert.Equal((AnswerTopic + "c-1", Done), (answer.Topic, answer.Text));
    }

    [Fact]
    public async Task After_the_PUBACK_a_restart_sends_nothing_and_what_comes_again_gets_the_same_answer()
    {
        await using var broker = new ScriptedBroker();
        await using (var before = broker.StartDevice(OnDisk()))
        {
            _ = before.HandleCommandsAsync((_, _) => Task.FromResult(new CommandAnswer(201, "[1]"u8.ToArray())));
            var first = await broker.AcceptDeviceAsync();
            await first.SendCommandAsync("open", "c-1", 1);
            await AcknowledgeAsync(first, await first.ExpectAnswerAsync());
            await first.SendCommandAsync("open", "c-2", 2);
            await AcknowledgeAsync(first, await first.ExpectAnswerAsync());
            await first.SendCommandAsync("open", "c-3", 3);
            await first.ExpectAnswerAsync();                   // so the acknowledgements before it were read
        }

        await using var after = broker.StartDevice(OnDisk());
        _ = after.HandleCommandsAsync(RunAsync);
        var second = await broker.AcceptDeviceAsync();
        await AcknowledgeAsync(second, await second.ExpectAnswerAsync());        // c-3
        await second.SendCommandAsync("open", "c-1", 1);

        var answer = await second.ExpectAnswerAsync();
        Assert.Equal((AnswerTopic + "c-1", """{"status":201,"payload":[1]}"""), (answer.Topic, answer.Text));
        Assert.Empty(_ran);
    }

    // CONNECT CONNACK SUBSCRIBE SUBACK, the command, its PUBACK and its answer in either order, the answer's PUBACK.
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6), InlineData(7), InlineData(8)]
    public async Task Cut_behind_any_packet_a_command_is_run_once_and_its_answer_arrives(int packets)
    {
        await using var broker = new ScriptedBroker();
        await using var proxy = new CuttingProxy(broker, packets);
        var device = DeviceClient.StartOver(proxy.DialAsync, OnDisk());
        _ = device.HandleCommandsAsync(RunAsync);

        var answers = new List<string>();
        await ServeUntilAnsweredAsync(await broker.AcceptAsync(), answers);
        while (answers.Count == 0)
            await ServeUntilAnsweredAsync(await broker.AcceptAsync(), answers);
        await device.DisposeAsync();

        Assert.Equal(["c-1"], _ran);
        Assert.All(answers, answer => Assert.Equal(Done, answer));
    }

    private DeviceOptions OnDisk() => Devices.Quick() with { Commands = new CommandOptions { Folder = _folder.File("commands") } };

    private Task<CommandAnswer> RunAsync(DeviceCommand command, CancellationToken cancellation)
    {
        lock (_ran)
            _ran.Add(command.Id!);
        return Task.FromResult(CommandAnswer.Done);
    }

    private async Task BeginAndRestartAsync()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(OnDisk());
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("open", "c-1", 1);
        await device.TakeCommandAsync();
    }

    private static Task AcknowledgeAsync(BrokerEnd link, (string Topic, string Text, ushort PacketId) answer) => link.SendAsync(new PubAckPacket { PacketId = answer.PacketId });

    // A server that sends its open command to whoever subscribes, until it has the answer.
    private static async Task ServeUntilAnsweredAsync(BrokerEnd link, List<string> answers)
    {
        try
        {
            while (await link.ReceiveAsync() is { } packet)
            {
                switch (packet)
                {
                    case ConnectPacket:
                        await link.SendAsync(new ConnAckPacket { Reason = ReasonCode.Success });
                        break;
                    case SubscribePacket subscribe:
                        await link.SendAsync(new SubAckPacket { PacketId = subscribe.PacketId, Reasons = [ReasonCode.GrantedQos1] });
                        await link.SendCommandAsync("open", "c-1", 9);
                        break;
                    case PublishPacket answer:
                        answers.Add(answer.Text());
                        await link.SendAsync(new PubAckPacket { PacketId = answer.PacketId });
                        return;
                }
            }
        }
        catch (IOException)
        {
            // Cut while something was on its way.
        }
    }
}
