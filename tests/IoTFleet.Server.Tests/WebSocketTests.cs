using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>MQTT over secure WebSockets: chapter 6 of both versions, whose four statements have the same numbers, and who is let in.</summary>
public sealed class WebSocketTests : IAsyncLifetime
{
    public static readonly TheoryData<ProtocolVersion> Versions = [ProtocolVersion.V311, ProtocolVersion.V5];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private RunningServer _server = null!;
    private X509Certificate2 _certificate = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _certificate = await _server.EnrolAsync("pump-7");
    }

    public async ValueTask DisposeAsync()
    {
        _certificate.Dispose();
        await _server.DisposeAsync();
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Mqtt_6_0_0_1_packets_travel_in_binary_frames(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await socket.SendAsync(Bytes(version, Connect(version)), WebSocketMessageType.Binary, endOfMessage: true, default);

        var frame = await socket.ReceiveAsync(new byte[1024].AsMemory(), default).AsTask().WaitAsync(Patience);
        Assert.Equal(WebSocketMessageType.Binary, frame.MessageType);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Mqtt_6_0_0_1_a_text_frame_closes_the_connection(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await socket.SendAsync(Bytes(version, Connect(version)), WebSocketMessageType.Text, endOfMessage: true, default);

        await ExpectClosedAsync(socket, WebSocketCloseStatus.InvalidMessageType);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Mqtt_6_0_0_1_a_text_frame_within_a_session_is_a_lost_connection(ProtocolVersion version)
    {
        using var service = await _server.CreateServiceAsync("watch", ["devices/#"], []);
        await using var watch = await _server.ConnectAsync("watch", service);
        await watch.SubscribeAsync("devices/pump-7/events/#");
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        await device.ConnectAsync("pump-7", will: new WillMessage { Topic = TopicName.Parse("devices/pump-7/events/lost"), Payload = "{}"u8.ToArray() });

        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, default);
        await watch.ExpectMessageAsync("{}");
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Mqtt_6_0_0_2_a_packet_may_span_frames(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        foreach (var one in Bytes(version, Connect(version))) await socket.SendAsync(new[] { one }, WebSocketMessageType.Binary, endOfMessage: true, default);

        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<ConnAckPacket>()).Reason);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Mqtt_6_0_0_2_a_packet_may_come_in_fragments_of_one_frame(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        foreach (var one in Bytes(version, Connect(version))) await socket.SendAsync(new[] { one }, WebSocketMessageType.Binary, endOfMessage: false, default);

        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<ConnAckPacket>()).Reason);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Mqtt_6_0_0_2_a_frame_may_hold_several_packets_and_part_of_one(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        var subscribe = new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse("devices/pump-7/commands/#"), QualityOfService.AtLeastOnce)] };
        var bytes = Bytes(version, Connect(version), subscribe, PingReqPacket.Instance, PingReqPacket.Instance);

        await socket.SendAsync(bytes.AsMemory(..^1), WebSocketMessageType.Binary, endOfMessage: true, default);
        await device.ExpectAsync<ConnAckPacket>();
        await device.ExpectAsync<SubAckPacket>();
        await device.ExpectAsync<PingRespPacket>();
        await socket.SendAsync(bytes.AsMemory(^1..), WebSocketMessageType.Binary, endOfMessage: true, default);
        await device.ExpectAsync<PingRespPacket>();
    }

    [Theory]
    [InlineData]
    [InlineData("mqttv3.1")]
    [InlineData("MQTT")]
    [InlineData("chat", "soap")]
    public async Task Mqtt_6_0_0_3_a_client_that_does_not_ask_for_mqtt_is_refused(params string[] subprotocols) =>
        await ExpectRefusedAsync(HttpStatusCode.BadRequest, ProblemCodes.SubprotocolRequired, _certificate, subprotocols);

    [Fact]
    public async Task Mqtt_6_0_0_4_the_server_answers_with_mqtt_whatever_else_was_asked()
    {
        using var socket = await OpenAsync("chat", "mqtt", "mqttv3.1");
        Assert.Equal("mqtt", socket.SubProtocol);
    }

    [Fact]
    public async Task Without_a_certificate_there_is_no_upgrade() =>
        await ExpectRefusedAsync(HttpStatusCode.Forbidden, ProblemCodes.CertificateRequired, certificate: null, ["mqtt"]);

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://localhost:{port}")]
    [InlineData("https://localhost")]
    [InlineData("https://localhost:{port}.evil.example")]
    [InlineData("null")]
    public async Task A_page_of_another_origin_is_refused(string origin) =>
        await ExpectRefusedAsync(HttpStatusCode.Forbidden, ProblemCodes.OriginNotAllowed, _certificate, ["mqtt"], origin.Replace("{port}", $"{_server.HttpsPort}", StringComparison.Ordinal));

    [Fact]
    public async Task A_page_of_our_own_is_let_in()
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", $"https://localhost:{_server.HttpsPort}");
        await OpenAsync(socket, _certificate, ["mqtt"]);
        Assert.Equal(WebSocketState.Open, socket.State);
    }

    [Fact]
    public async Task A_plain_request_is_told_what_speaks_here()
    {
        using var handler = new SocketsHttpHandler { SslOptions = _server.TlsOptions(_certificate) };
        using var http = new HttpClient(handler);
        using var answer = await http.GetAsync($"https://localhost:{_server.HttpsPort}/mqtt");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(ProblemCodes.WebSocketExpected, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task The_certificate_is_the_identity_here_too(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        Assert.True((await device.ConnectAsync("pump-8")).Reason.IsFailure());
        await ExpectClosedAsync(socket, WebSocketCloseStatus.NormalClosure);
        Assert.Equal(1, _server.Refused("client-id-mismatch"));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Telemetry_is_stored_before_it_is_acknowledged(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        await device.ConnectAsync("pump-7");
        await device.PublishAsync("devices/pump-7/telemetry", "{\"t\":1}", QualityOfService.AtLeastOnce, 1);
        await device.ExpectAsync<PubAckPacket>();
        Assert.Equal("{\"t\":1}", (await _server.Client.GetLatestTelemetryAsync("pump-7")).Body.GetRawText());
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_large_message_goes_both_ways(ProtocolVersion version)
    {
        using var service = await _server.CreateServiceAsync("echo", ["devices/#"], ["devices/#"]);
        using var socket = await OpenAsync(service, "mqtt");
        await using var echo = Client(socket, version);
        await echo.ConnectAsync("echo");
        await echo.SubscribeAsync("devices/x/blob");
        var payload = new string('x', 200_000);
        await echo.PublishAsync("devices/x/blob", payload);
        await echo.ExpectMessageAsync(payload);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_disconnect_is_answered_by_a_normal_closure(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        await device.ConnectAsync("pump-7");
        await device.SendAsync(new DisconnectPacket());
        await ExpectClosedAsync(socket, WebSocketCloseStatus.NormalClosure);
    }

    [Fact]
    public async Task A_close_frame_is_answered_and_ends_the_connection()
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, ProtocolVersion.V5);
        await device.ConnectAsync("pump-7");
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default).WaitAsync(Patience);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
        await Eventually.TrueAsync(async () => !(await _server.Client.GetDeviceAsync("pump-7")).Connected);
    }

    [Fact]
    public async Task A_client_that_vanishes_ends_the_connection()
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, ProtocolVersion.V5);
        await device.ConnectAsync("pump-7");
        socket.Abort();
        await Eventually.TrueAsync(async () => !(await _server.Client.GetDeviceAsync("pump-7")).Connected);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_revocation_closes_it(ProtocolVersion version)
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, version);
        await device.ConnectAsync("pump-7");
        await _server.Client.RevokeDeviceAsync("pump-7");
        if (version == ProtocolVersion.V5) Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        await ExpectClosedAsync(socket, WebSocketCloseStatus.NormalClosure);
    }

    [Fact]
    public async Task The_other_port_takes_the_session_over()
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, ProtocolVersion.V5);
        await device.ConnectAsync("pump-7");
        await using var again = await _server.ConnectAsync("pump-7", _certificate);
        Assert.Equal(ReasonCode.SessionTakenOver, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        await again.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_stopping_server_says_that_it_goes_away()
    {
        using var socket = await OpenAsync();
        await using var device = Client(socket, ProtocolVersion.V5);
        await device.ConnectAsync("pump-7");
        var stopping = _server.RestartAsync();
        Assert.Equal(ReasonCode.ServerShuttingDown, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        await ExpectClosedAsync(socket, WebSocketCloseStatus.EndpointUnavailable);
        await stopping;
    }

    /// <summary>A handshake and frames by hand: no library of ours or others would stay silent on a Close.</summary>
    [Fact]
    public async Task A_client_that_never_answers_the_close_frame_is_cut()
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, _server.HttpsPort);
        await using var tls = new SslStream(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(_server.TlsOptions(_certificate));
        await tls.WriteAsync("GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"u8.ToArray());
        var packets = Bytes(ProtocolVersion.V5, Connect(ProtocolVersion.V5), new DisconnectPacket());
        await tls.WriteAsync((byte[])[0x82, (byte)(0x80 | packets.Length), 0, 0, 0, 0, .. packets]);

        var everything = new MemoryStream();
        var reading = tls.CopyToAsync(everything);
        await Task.WhenAny(reading, Task.Delay(Patience, TimeProvider.System));
        Assert.True(reading.IsCompleted, "The server still waits for the answer.");
        Assert.Equal([0x88, 0x02, 0x03, 0xE8], everything.ToArray()[^4..]);      // Close, 1000
    }

    [Fact]
    public async Task A_client_that_sends_and_does_not_read_harms_nobody_else()
    {
        using var service = await _server.CreateServiceAsync("echo", ["devices/#"], ["devices/#"]);
        using var socket = await OpenAsync(service, "mqtt");
        await SendAsync(socket, Bytes(ProtocolVersion.V5, Connect(ProtocolVersion.V5, "echo"), new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse("devices/x/blob"), QualityOfService.AtMostOnce)] }));
        var blob = Bytes(ProtocolVersion.V5, RawClient.Publish("devices/x/blob", new string('x', 100_000)), PingReqPacket.Instance);
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(2));

        // QoS 0 is dropped for a full outbox; the pings' answers are not, and they hold the reader until it is cut.
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            while (true) await socket.SendAsync(blob, WebSocketMessageType.Binary, endOfMessage: true, enough.Token);
        });

        await using var other = await _server.ConnectAsync("pump-7", _certificate);
        await other.ExpectNothingAsync();
    }

    private static ConnectPacket Connect(ProtocolVersion version, string clientId = "pump-7") => new() { Version = version, ClientId = clientId, CleanStart = true, KeepAlive = 60 };

    private static byte[] Bytes(ProtocolVersion version, params Packet[] packets)
    {
        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        foreach (var packet in packets) PacketWriter.Write(writer, packet, version);
        return writer.WrittenSpan.ToArray();
    }

    private static RawClient Client(WebSocket socket, ProtocolVersion version) =>
        new(DuplexPipe.Over(WebSocketStream.Create(socket, WebSocketMessageType.Binary)), version);

    private static Task SendAsync(WebSocket socket, byte[] bytes) => socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, default);

    private Task<ClientWebSocket> OpenAsync(params string[] subprotocols) => OpenAsync(_certificate, subprotocols.Length > 0 ? subprotocols : ["mqtt"]);

    private async Task<ClientWebSocket> OpenAsync(X509Certificate2? certificate, params string[] subprotocols) => await OpenAsync(new ClientWebSocket(), certificate, subprotocols);

    private async Task<ClientWebSocket> OpenAsync(ClientWebSocket socket, X509Certificate2? certificate, string[] subprotocols)
    {
        foreach (var subprotocol in subprotocols) socket.Options.AddSubProtocol(subprotocol);
        socket.Options.CollectHttpResponseDetails = true;
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { SslOptions = _server.TlsOptions(certificate) });
        await socket.ConnectAsync(new Uri($"wss://localhost:{_server.HttpsPort}/mqtt"), invoker, default);
        return socket;
    }

    private async Task ExpectRefusedAsync(HttpStatusCode status, string code, X509Certificate2? certificate, string[] subprotocols, string? origin = null)
    {
        using var socket = new ClientWebSocket();
        if (origin is not null) socket.Options.SetRequestHeader("Origin", origin);
        await Assert.ThrowsAsync<WebSocketException>(() => OpenAsync(socket, certificate, subprotocols));
        Assert.Equal(status, socket.HttpStatusCode);
        Assert.Equal(1, _server.Refused(code));
    }

    private static async Task ExpectClosedAsync(WebSocket socket, WebSocketCloseStatus status)
    {
        var buffer = new byte[1024];
        while (socket.State == WebSocketState.Open) await socket.ReceiveAsync(buffer.AsMemory(), default).AsTask().WaitAsync(Patience);
        Assert.Equal(status, socket.CloseStatus);
    }
}
