using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Crash.Devices;

/// <summary>
/// A device without the SDK: any MQTT client that keeps its session, and after each connection sends what is not acknowledged again, in order and with DUP.
/// It numbers in the payload or, when <paramref name="byTime"/>, has only times of its own, three readings a message.
/// </summary>
internal sealed class PlainDevice(Promises promises, MortalServer server, string token, ProtocolVersion version, bool byTime) : ICrashDevice
{
    private const int Window = 10;
    private const long Epoch = 1_767_225_600_000; // 2026

    private readonly LinkedList<(ushort PacketId, int First)> _unacknowledged = [];
    private readonly int _readings = byTime ? 3 : 1;
    private ushort _packetId;

    public Promises Promises => promises;

    public async Task RunAsync(TaskCompletionSource enrolled, CancellationToken done)
    {
        using var certificate = await EnrolAsync(done);
        using var root = X509CertificateLoader.LoadCertificateFromFile(server.RootFile);
        enrolled.SetResult();
        while (!done.IsCancellationRequested)
        {
            try
            {
                await server.WhenUpAsync(done);
                await ConnectedAsync(certificate, root, done);
            }
            catch (Exception death) when (death is IOException or SocketException or AuthenticationException or ObjectDisposedException or InvalidOperationException or TimeoutException or Xunit.Sdk.XunitException)
            {
                // What a client sees of a server that is killed; it goes on where it was.
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, done);
            }
        }
    }

    private async Task<X509Certificate2> EnrolAsync(CancellationToken ct)
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(server.RootFile).CreateHandler()) { BaseAddress = new Uri($"https://localhost:{server.HttpsPort}") };
        var request = new DeviceEnrolmentRequest { DeviceId = promises.Device, Token = token, Request = Convert.ToBase64String(TestPki.Request(promises.Device, out var key)) };
        using (key)
        {
            using var answer = await http.PostAsJsonAsync("/.well-known/iotfleet/v1/enroll", request, ApiJson.Default.DeviceEnrolmentRequest, ct);
            answer.EnsureSuccessStatusCode();
            var enrolment = (await answer.Content.ReadFromJsonAsync(ApiJson.Default.DeviceEnrolment, ct))!;
            using var certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(enrolment.Certificate));
            return certificate.CopyWithPrivateKey(key);
        }
    }

    private async Task ConnectedAsync(X509Certificate2 certificate, X509Certificate2 root, CancellationToken done)
    {
        await using var client = await OpenAsync(certificate, root, done);
        var properties = version == ProtocolVersion.V5 ? new PropertyBlock { SessionExpiryInterval = 3600 } : null;
        var answer = await client.ConnectAsync(promises.Device, cleanStart: false, properties: properties);
        if (answer.Reason != ReasonCode.Success) throw new IOException($"Refused: {answer.Reason}.");
        foreach (var (packetId, first) in _unacknowledged) await PublishAsync(client, packetId, first, duplicate: true);
        while (!done.IsCancellationRequested)
        {
            while (_unacknowledged.Count < Window) await PublishNextAsync(client);
            if (await client.ReceiveAsync() is not PubAckPacket ack) throw new IOException("The server is gone.");
            OnAcknowledged(ack);
        }
    }

    private async Task<RawClient> OpenAsync(X509Certificate2 certificate, X509Certificate2 root, CancellationToken ct)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.Add(root);
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", server.MqttPort, ct);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            CertificateChainPolicy = policy,
            ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
        }, ct);
        return new RawClient(DuplexPipe.Over(tls), version);
    }

    private async Task PublishNextAsync(RawClient client)
    {
        do _packetId = _packetId == ushort.MaxValue ? (ushort)1 : (ushort)(_packetId + 1);
        while (_unacknowledged.Any(one => one.PacketId == _packetId));
        var first = promises.Number(_readings);
        _unacknowledged.AddLast((_packetId, first));
        await PublishAsync(client, _packetId, first, duplicate: false);
    }

    private Task PublishAsync(RawClient client, ushort packetId, int first, bool duplicate) =>
        client.PublishAsync($"devices/{promises.Device}/telemetry/plain", Payload(first), QualityOfService.AtLeastOnce, packetId, duplicate: duplicate);

    private string Payload(int first) => byTime
        ? "[" + string.Join(',', Enumerable.Range(first, _readings).Select(number => $"{{\"ts\":{Epoch + number},{Promises.Body(number)}}}")) + "]"
        : $"{{\"seq\":{first},{Promises.Body(first)}}}";

    private void OnAcknowledged(PubAckPacket ack)
    {
        var node = _unacknowledged.First;
        while (node is not null && node.Value.PacketId != ack.PacketId) node = node.Next;
        if (node is null)
        {
            promises.Wrong($"packet {ack.PacketId} was acknowledged, which is not on its way.");
            return;
        }
        if (ack.Reason >= ReasonCode.UnspecifiedError) promises.Wrong($"reading {node.Value.First} was refused: {ack.Reason}.");
        else promises.Acknowledge(node.Value.First, _readings);
        _unacknowledged.Remove(node);
    }
}
