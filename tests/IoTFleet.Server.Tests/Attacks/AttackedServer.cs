using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Broker;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Refusals;
using IoTFleet.Fleet.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>
/// A server with one honest device, shared by the attacks of one theme. Whoever comes says what gets a device in and its message stored;
/// what is asserted is that nothing came of it, and that the one reason was counted.
/// </summary>
public sealed class AttackedServer : IAsyncLifetime
{
    public const string Victim = "pump-7";

    public RunningServer Server { get; private set; } = null!;

    /// <summary>The honest device's certificate.</summary>
    public X509Certificate2 Honest { get; private set; } = null!;

    public FleetAuthorities Authorities => Server.Authorities;

    public FleetNames Names => Authorities.Names;

    /// <summary>What the honest device's certificate says, to be changed and signed by whom the attack likes.</summary>
    public Forgery Forged => Forgery.OfDevice(Victim, Names);

    /// <summary>By the authority for claims, for a batch that nobody made.</summary>
    public X509Certificate2 ForgedClaim() => (Forged with { Names = Forgery.Uris(Names.ClaimUri("batch-0").OriginalString) }).SignedBy(Authorities.Claims!);

    public async ValueTask InitializeAsync()
    {
        Server = await RunningServer.StartAsync();
        Honest = await Server.EnrolAsync(Victim);
    }

    public ValueTask DisposeAsync()
    {
        Honest.Dispose();
        return Server.DisposeAsync();
    }

    /// <summary>Comes with the certificate as the victim, and expects to get nowhere for this reason.</summary>
    public Task ExpectRefusedAsync(
        string code, X509Certificate2? certificate, string clientId = Victim, ProtocolVersion version = ProtocolVersion.V5, SslProtocols protocols = SslProtocols.None,
        int present = 0) =>
        ExpectNothingGainedAsync(code, () => ComeAsync(certificate, clientId, version, protocols), present);

    /// <summary>Refused in the handshake: not even an answer to CONNECT.</summary>
    public Task ExpectClosedAsync(string code, X509Certificate2? certificate, SslProtocols protocols = SslProtocols.None) =>
        ExpectNothingGainedAsync(code, async () =>
        {
            Assert.Null(await ComeAsync(certificate, Victim, ProtocolVersion.V5, protocols));
            return null;
        });

    /// <param name="code">The one reason that is counted.</param>
    /// <param name="attack">Returns what CONNECT was answered with; null when there was no answer.</param>
    /// <param name="present">How many devices are connected meanwhile.</param>
    public async Task ExpectNothingGainedAsync(string code, Func<Task<ConnAckPacket?>> attack, int present = 0)
    {
        Assert.NotNull(ReasonCodes.Find(code));
        await Eventually.TrueAsync(() => Task.FromResult(Server.Get<MqttBroker>().CountConnected("") == present), TimeSpan.FromSeconds(5));    // who came before is still leaving
        var (refusals, before) = (Refusals(), await FiguresAsync());
        var answer = await attack();
        Assert.True(answer is null || answer.Reason.IsFailure(), $"Let in: {answer?.Reason}.");
        await Eventually.TrueAsync(() => Task.FromResult(Refusals().Values.Sum() > refusals.Values.Sum()), TimeSpan.FromSeconds(5));
        Assert.Equal([code], Refusals().Where(now => now.Value > refusals.GetValueOrDefault(now.Key)).Select(now => now.Key));
        Assert.Equal(before, await FiguresAsync());
    }

    /// <summary>What an attack must not change: nobody let in, no PUBLISH read, none acknowledged, no session, nothing stored.</summary>
    internal async Task<Figures> FiguresAsync()
    {
        var metrics = Server.Get<BrokerMetrics>();
        await using var fleet = await Server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        await using var sessions = await Server.Get<IDbContextFactory<SessionsDbContext>>().CreateDbContextAsync();
        return new Figures(
            metrics.ClientsSinceStart, metrics.MessagesReceived, metrics.MessagesAcked, Server.Get<MqttBroker>().CountConnected(""),
            await sessions.Sessions.CountAsync(), await sessions.Retained.CountAsync(), Server.Get<FleetMetrics>().TelemetryAccepted, await fleet.Certificates.CountAsync());
    }

    private IReadOnlyDictionary<string, long> Refusals() => Server.Get<BrokerMetrics>().RefusalsByReason();

    /// <summary>TLS with the certificate, then CONNECT with a will that stays, and telemetry, without waiting for an answer.</summary>
    /// <returns>What CONNECT was answered with; null when the connection was closed instead.</returns>
    public async Task<ConnAckPacket?> ComeAsync(X509Certificate2? certificate, string clientId, ProtocolVersion version, SslProtocols protocols)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", Server.MqttPort);
        await using var tls = new SslStream(new NetworkStream(socket));
        try
        {
            await tls.AuthenticateAsClientAsync(Server.TlsOptions(certificate, protocols));
            await tls.WriteAsync(Hello(clientId, version));
        }
        catch (Exception closed) when (closed is IOException or AuthenticationException)
        {
            return null;
        }

        await using var client = new RawClient(DuplexPipe.Over(tls), version);
        var answer = await client.ReceiveAsync();
        if (answer is null) return null;
        var connAck = Assert.IsType<ConnAckPacket>(answer);
        if (connAck.Reason.IsFailure()) await client.ExpectClosedAsync();
        return connAck;
    }

    /// <summary>CONNECT and a QoS 1 telemetry message, as bytes.</summary>
    public static byte[] Hello(string clientId, ProtocolVersion version)
    {
        var output = new ArrayBufferWriter<byte>();
        var topic = TopicName.Parse($"devices/{Victim}/telemetry");
        var connect = new ConnectPacket
        {
            Version = version,
            ClientId = clientId,
            CleanStart = false,
            KeepAlive = 60,
            Properties = version == ProtocolVersion.V5 ? new PropertyBlock { SessionExpiryInterval = 3600 } : PropertyBlock.None,
            Will = new WillMessage { Topic = topic, Payload = "{\"will\":1}"u8.ToArray(), Qos = QualityOfService.AtLeastOnce, Retain = true },
        };
        PacketWriter.Write(output, connect, version);
        PacketWriter.Write(output, RawClient.Publish(topic.Value, "{\"forged\":1}", QualityOfService.AtLeastOnce, packetId: 1), version);
        return output.WrittenSpan.ToArray();
    }

    internal sealed record Figures(long Clients, long Received, long Acked, int Connected, int Sessions, int Retained, long Telemetry, int Certificates);
}
