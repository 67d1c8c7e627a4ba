using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>Commands and their answers, from REST to the device's wire and back.</summary>
public sealed class CommandTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly SendCommandRequest Open = new() { Name = "open", Payload = JsonElement.Parse("{\"percent\":40}") };

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Theory, BothVersions]
    public async Task An_answer_comes_to_whoever_waits_for_it_and_is_stored_before_it_is_acknowledged(ProtocolVersion version)
    {
        await using var device = await ConnectAsync(version);
        var waiting = _server.Client.SendCommandAsync("pump-7", Open, Patience);
        var command = await device.ExpectAsync<PublishPacket>();
        Assert.Equal("{\"percent\":40}", Encoding.UTF8.GetString(command.Payload.Span));

        await AnswerAsync(device, IdOf(command), "{\"payload\":[1.50],\"status\":200,\"more\":{}}");

        await ExpectAckAsync(device, 1);
        var stored = await _server.Client.GetCommandAsync("pump-7", IdOf(command));
        Assert.Equal((CommandStates.Answered, 200, "[1.50]"), (stored.State, stored.Answer!.Status, stored.Answer.Payload!.Value.GetRawText()));
        Assert.Equal(200, (await waiting.WaitAsync(Patience)).Answer!.Status);
    }

    [Fact]
    public async Task MQTT_5_is_told_where_to_answer_and_how_long_there_is_time()
    {
        await using var device = await ConnectAsync(ProtocolVersion.V5);
        await _server.Client.SendCommandAsync("pump-7", Open with { TimeoutSeconds = 3_600 });

        var command = await device.ExpectAsync<PublishPacket>();

        Assert.Equal($"devices/pump-7/answers/{IdOf(command)}", command.Properties.ResponseTopic!.Value);
        Assert.Equal(IdOf(command), Encoding.UTF8.GetString(command.Properties.CorrelationData!.Value.Span));
        Assert.InRange(command.Properties.MessageExpiryInterval!.Value, 1u, 3_600u);
    }

    [Fact]
    public async Task A_command_is_delivered_when_its_device_has_acknowledged_it()
    {
        await using var device = await ConnectAsync(ProtocolVersion.V5);
        var id = (await _server.Client.SendCommandAsync("pump-7", Open)).Id;
        var command = await device.ExpectAsync<PublishPacket>();
        await Eventually.TrueAsync(async () => (await _server.Client.GetCommandAsync("pump-7", id)).State == CommandStates.Sent);

        await device.SendAsync(new PubAckPacket { PacketId = command.PacketId });

        await Eventually.TrueAsync(async () => (await _server.Client.GetCommandAsync("pump-7", id)) is { State: CommandStates.Delivered, DeliveredAt: not null });
    }

    [Theory]
    [InlineData("none", "{\"status\":200}", "answer-unknown-command", ReasonCode.ImplementationSpecificError)]
    [InlineData("a/b", "{\"status\":200}", "answer-unknown-command", ReasonCode.ImplementationSpecificError)]
    [InlineData(null, "{\"status\":99}", "answer-unreadable", ReasonCode.PayloadFormatInvalid)]
    [InlineData(null, "{\"status\":600}", "answer-unreadable", ReasonCode.PayloadFormatInvalid)]
    [InlineData(null, "{\"status\":200.5}", "answer-unreadable", ReasonCode.PayloadFormatInvalid)]
    [InlineData(null, "{\"status\":\"200\"}", "answer-unreadable", ReasonCode.PayloadFormatInvalid)]
    [InlineData(null, "[200]", "answer-unreadable", ReasonCode.PayloadFormatInvalid)]
    [InlineData(null, "{\"status\":200", "answer-unreadable", ReasonCode.PayloadFormatInvalid)]
    [InlineData(null, "", "answer-unreadable", ReasonCode.PayloadFormatInvalid)]
    public async Task What_is_no_answer_is_refused_and_the_next_one_counts(string? id, string payload, string reason, ReasonCode code)
    {
        await using var device = await ConnectAsync(ProtocolVersion.V5);
        var command = (await _server.Client.SendCommandAsync("pump-7", Open)).Id;
        await device.ExpectAsync<PublishPacket>();

        await AnswerAsync(device, id ?? command, payload);
        await AnswerAsync(device, command, "{\"status\":201}", 2);

        Assert.Equal(code, (await device.ExpectAsync<PubAckPacket>()).Reason);
        await ExpectAckAsync(device, 2);
        Assert.Equal(201, (await _server.Client.GetCommandAsync("pump-7", command)).Answer!.Status);
        Assert.Equal(1, _server.Refused(reason));
    }

    [Fact]
    public async Task A_311_device_with_a_wrong_answer_stays_connected_and_what_is_behind_it_counts()
    {
        await using var device = await ConnectAsync(ProtocolVersion.V311);
        var command = (await _server.Client.SendCommandAsync("pump-7", Open)).Id;
        await device.ExpectAsync<PublishPacket>();

        await AnswerAsync(device, "none", "{\"status\":200}");
        await AnswerAsync(device, command, $"{{\"status\":200,\"payload\":\"{new string('x', 65_536)}\"}}", 2);
        await AnswerAsync(device, command, "{\"status\":201}", 3);

        for (ushort id = 1; id <= 3; id++) await ExpectAckAsync(device, id);
        Assert.Equal(201, (await _server.Client.GetCommandAsync("pump-7", command)).Answer!.Status);
        Assert.Equal((1, 1), (_server.Refused("answer-unknown-command"), _server.Refused("answer-too-large")));
    }

    [Fact]
    public async Task A_device_cannot_answer_for_another()
    {
        await using var device = await ConnectAsync(ProtocolVersion.V5);
        using var other = await _server.EnrolAsync("pump-8");
        await using var liar = await _server.ConnectAsync("pump-8", other);
        var command = (await _server.Client.SendCommandAsync("pump-7", Open)).Id;

        await liar.PublishAsync($"devices/pump-7/answers/{command}", "{\"status\":200}", QualityOfService.AtLeastOnce, 1);
        await liar.PublishAsync($"devices/pump-8/answers/{command}", "{\"status\":200}", QualityOfService.AtLeastOnce, 2);

        Assert.Equal(ReasonCode.NotAuthorized, (await liar.ExpectAsync<PubAckPacket>()).Reason);
        Assert.Equal(ReasonCode.ImplementationSpecificError, (await liar.ExpectAsync<PubAckPacket>()).Reason);
        Assert.Null((await _server.Client.GetCommandAsync("pump-7", command)).Answer);
    }

    [Theory, BothVersions]
    public async Task A_device_whose_session_is_gone_gets_what_is_open_when_it_subscribes_again(ProtocolVersion version)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        string taken, late;
        await using (var first = await _server.ConnectAsync("pump-7", certificate, version))
        {
            await first.SubscribeAsync("devices/pump-7/commands/#", QualityOfService.AtLeastOnce);
            taken = (await _server.Client.SendCommandAsync("pump-7", Open)).Id;
            await first.SendAsync(new PubAckPacket { PacketId = (await first.ExpectAsync<PublishPacket>()).PacketId });
            await first.SendAsync(new DisconnectPacket());
            await first.ExpectClosedAsync();
        }

        late = (await _server.Client.SendCommandAsync("pump-7", Open)).Id;
        await using var second = await _server.ConnectAsync("pump-7", certificate, version);
        await second.SubscribeAsync("devices/pump-7/commands/#", QualityOfService.AtLeastOnce);

        Assert.Equal(taken, IdOf(await second.ExpectAsync<PublishPacket>()));
        Assert.Equal(late, IdOf(await second.ExpectAsync<PublishPacket>()));
        Assert.Equal(2, (await _server.Client.GetCommandsPageAsync("pump-7")).Items.Count);
    }

    [Fact]
    public async Task An_answer_survives_a_restart_of_the_server_and_so_does_an_open_command()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        var (first, second) = ((await _server.Client.SendCommandAsync("pump-7", Open with { TimeoutSeconds = 600 })).Id, (await _server.Client.SendCommandAsync("pump-7", Open with { TimeoutSeconds = 600 })).Id);
        await using (var device = await _server.ConnectAsync("pump-7", certificate))
        {
            await AnswerAsync(device, first, "{\"status\":200}");
            await ExpectAckAsync(device, 1);
        }

        await _server.RestartAsync();

        await using var again = await _server.ConnectAsync("pump-7", certificate);
        await again.SubscribeAsync("devices/pump-7/commands/#", QualityOfService.AtLeastOnce);
        Assert.Equal(second, IdOf(await again.ExpectAsync<PublishPacket>()));
        await AnswerAsync(again, first, "{\"status\":500}");
        await ExpectAckAsync(again, 1);
        Assert.Equal(200, (await _server.Client.GetCommandAsync("pump-7", first)).Answer!.Status);
    }

    [Fact]
    public async Task Who_waits_for_an_answer_that_does_not_come_is_told_that_the_command_has_expired()
    {
        await using var device = await ConnectAsync(ProtocolVersion.V5);

        var receipt = await _server.Client.SendCommandAsync("pump-7", Open with { TimeoutSeconds = 1 }, Patience);

        Assert.Equal(CommandStates.Expired, receipt.State);
    }

    [Fact]
    public async Task Who_waits_is_told_of_a_cancelled_command_which_a_device_that_is_away_does_not_get()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        var stays = new PropertyBlock { SessionExpiryInterval = 600 };
        await using (var device = await _server.OpenAsync(certificate))
        {
            await device.ConnectAsync("pump-7", cleanStart: false, properties: stays);
            await device.SubscribeAsync("devices/pump-7/commands/#", QualityOfService.AtLeastOnce);
        }

        var first = await _server.Client.SendCommandAsync("pump-7", Open with { Id = "first" });
        var waiting = _server.Client.GetCommandAsync("pump-7", first.Id, Patience);
        await _server.Client.SendCommandAsync("pump-7", Open with { Id = "second" });
        Assert.Equal(CommandStates.Cancelled, (await _server.Client.CancelCommandAsync("pump-7", "first")).State);
        Assert.Equal(CommandStates.Cancelled, (await waiting.WaitAsync(Patience)).State);

        await using var again = await _server.OpenAsync(certificate);
        await again.ConnectAsync("pump-7", cleanStart: false, properties: stays);
        Assert.Equal("second", IdOf(await again.ExpectAsync<PublishPacket>()));
    }

    [Fact]
    public async Task REST_answers_202_while_a_command_is_open_and_200_when_it_is_over()
    {
        await using var device = await ConnectAsync(ProtocolVersion.V5);
        using var http = Http();
        using var first = await PostAsync(http, "devices/pump-7/commands", "order-17");
        Assert.Equal((HttpStatusCode.Accepted, "/api/v1/devices/pump-7/commands/order-17"), (first.StatusCode, first.Headers.Location!.OriginalString));
        await device.ExpectAsync<PublishPacket>();
        await AnswerAsync(device, "order-17", "{\"status\":404}");
        await ExpectAckAsync(device, 1);

        using var again = await PostAsync(http, "devices/pump-7/commands", "order-17");

        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(404, (await again.Content.ReadFromJsonAsync(ApiJson.Default.CommandReceipt))!.Answer!.Status);
    }

    [Theory]
    [InlineData("devices/pump-7/commands?wait=soon", HttpStatusCode.BadRequest, ProblemCodes.InvalidRequest)]
    [InlineData("devices/pump-7/commands?wait=301", HttpStatusCode.BadRequest, ProblemCodes.InvalidRequest)]
    [InlineData("devices/pump-9/commands", HttpStatusCode.NotFound, ProblemCodes.DeviceNotFound)]
    [InlineData("devices/pump-7/commands", HttpStatusCode.TooManyRequests, ProblemCodes.TooManyCommands)]
    public async Task What_cannot_be_sent_is_answered_with_the_reason(string path, HttpStatusCode status, string code)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        for (var i = 0; i < 100; i++) await _server.Client.SendCommandAsync("pump-7", Open with { TimeoutSeconds = 600 });
        using var http = Http();

        using var answer = await PostAsync(http, path, null);

        Assert.Equal((status, code), (answer.StatusCode, (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ApiProblem))!.Code));
    }

    [Fact]
    public async Task A_service_that_publishes_its_own_command_is_passed_on_and_nothing_is_stored()
    {
        await using var device = await ConnectAsync(ProtocolVersion.V5);
        using var certificate = await _server.CreateServiceAsync("billing", [], ["devices/+/commands/#"]);
        await using var service = await _server.OpenAsync(certificate);
        await service.ConnectAsync("s");

        await service.PublishAsync("devices/pump-7/commands/open", "{\"percent\":40}", QualityOfService.AtLeastOnce, 1);

        Assert.Equal("devices/pump-7/commands/open", (await device.ExpectAsync<PublishPacket>()).Topic!.Value);
        Assert.Empty((await _server.Client.GetCommandsPageAsync("pump-7")).Items);
    }

    private async Task<RawClient> ConnectAsync(ProtocolVersion version)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        var device = await _server.ConnectAsync("pump-7", certificate, version);
        await device.SubscribeAsync("devices/pump-7/commands/#", QualityOfService.AtLeastOnce);
        return device;
    }

    private static Task AnswerAsync(RawClient device, string command, string payload, ushort packetId = 1) =>
        device.PublishAsync($"devices/pump-7/answers/{command}", payload, QualityOfService.AtLeastOnce, packetId);

    private static async Task ExpectAckAsync(RawClient device, ushort packetId)
    {
        var ack = await device.ExpectAsync<PubAckPacket>();
        Assert.Equal((packetId, ReasonCode.Success), (ack.PacketId, ack.Reason));
    }

    private static string IdOf(PublishPacket command) => command.Topic!.Value.Split('/')[^1];

    private HttpClient Http() => new(ServerTrust.FromRootFile(_server.RootFile).CreateHandler())
    {
        BaseAddress = new Uri($"https://localhost:{_server.HttpsPort}/api/v1/"),
        DefaultRequestHeaders = { { "Authorization", $"Bearer {_server.ApiKey}" } },
    };

    private static Task<HttpResponseMessage> PostAsync(HttpClient http, string path, string? key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(Open, ApiJson.Default.SendCommandRequest) };
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return http.SendAsync(request);
    }
}
