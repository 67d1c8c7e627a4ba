using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>An operator who sends one device one command after the other over REST. What is answered is promised; what the server died over is not, and not sent again.</summary>
internal sealed class OperatorCommands(string device, string apiKey, string rootFile, MortalServer server, Ledger ledger)
{
    private int _number;

    public async Task RunAsync(CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            try
            {
                var ready = await server.WhenUpAsync(done);
                using var client = new FleetClient(new Uri($"https://localhost:{ready.HttpsPort}"), apiKey, ServerTrust.FromRootFile(rootFile));
                while (!done.IsCancellationRequested) await SendAsync(client, new Command("operator", device, ++_number, _number % 2 == 0 ? QualityOfService.ExactlyOnce : QualityOfService.AtLeastOnce));
            }
            catch (Exception error) when (MortalServer.IsDeath(error) || error is OperationCanceledException)
            {
                // The answer will never come; the next command goes to the next server.
            }
        }
    }

    private async Task SendAsync(FleetClient client, Command command)
    {
        using var payload = JsonDocument.Parse(command.Text);
        var receipt = await client.SendCommandAsync(device, new SendCommandRequest { Name = "do", Payload = payload.RootElement, Qos = (int)command.Qos, TimeoutSeconds = 3_600 });
        if (receipt.Delivered || receipt.Queued) ledger.Promise(command);
        else ledger.Wrong($"Nobody was there for {command}.");
    }
}

/// <summary>
/// A backend with a session that stays, which publishes commands to all devices and remembers each until it is acknowledged: PUBACK, or PUBREC to PUBCOMP.
/// After the server's death it goes on as the protocol says, so everything that it ever sent is promised in the end.
/// </summary>
internal sealed class BackendCommands(string[] devices, X509Certificate2 certificate, X509Certificate2 root, MortalServer server, Ledger ledger)
{
    private const int Window = 10;

    private readonly SortedDictionary<long, (ushort Id, Command Command, bool Received)> _unfinished = [];
    private readonly int[] _numbers = new int[devices.Length];
    private long _sent;
    private ushort _id;
    private bool _hasSession;

    public async Task RunAsync(CancellationToken done)
    {
        while (!done.IsCancellationRequested || _unfinished.Count > 0)
        {
            try
            {
                await ConnectedAsync(done);
            }
            catch (Exception error) when (MortalServer.IsDeath(error) || error is OperationCanceledException)
            {
                // It goes on where it was.
            }
        }
    }

    private async Task ConnectedAsync(CancellationToken done)
    {
        var ready = await server.WhenUpAsync(CancellationToken.None);
        await using var client = await RunningServer.OpenAsync(ready.MqttPort, root, certificate);
        var answer = await client.ConnectAsync("commander", cleanStart: false, properties: new PropertyBlock { SessionExpiryInterval = 3600 });
        if (answer.Reason != ReasonCode.Success) throw new InvalidOperationException($"The backend was refused: {answer.Reason}.");
        if (_hasSession && !answer.SessionPresent) ledger.Wrong("The backend has lost its session.");
        _hasSession = true;

        foreach (var one in _unfinished.Values) await (one.Received ? client.SendAsync(new PubRelPacket { PacketId = one.Id }) : PublishAsync(client, one.Id, one.Command, duplicate: true));
        while (true)
        {
            while (_unfinished.Count < Window && !done.IsCancellationRequested) await PublishNextAsync(client);
            if (_unfinished.Count == 0) return;
            await OnAsync(client, await client.ReceiveAsync() ?? throw new IOException("The server is gone."));
        }
    }

    private async Task PublishNextAsync(RawClient client)
    {
        var device = (int)(_sent % devices.Length);
        var number = ++_numbers[device];
        var command = new Command("backend", devices[device], number, number % 3 == 0 ? QualityOfService.AtLeastOnce : QualityOfService.ExactlyOnce);
        do _id = _id == ushort.MaxValue ? (ushort)1 : (ushort)(_id + 1);
        while (_unfinished.Values.Any(one => one.Id == _id));
        _unfinished.Add(_sent++, (_id, command, false));
        await PublishAsync(client, _id, command, duplicate: false);
    }

    private static Task PublishAsync(RawClient client, ushort id, Command command, bool duplicate) =>
        client.PublishAsync($"devices/{command.Device}/commands/do", command.Text, command.Qos, id, duplicate: duplicate);

    private async Task OnAsync(RawClient client, Packet packet)
    {
        switch (packet)
        {
            case PubAckPacket { Reason: < ReasonCode.UnspecifiedError } ack: Finish(ack.PacketId); break;
            case PubCompPacket complete: Finish(complete.PacketId); break;
            case PubRecPacket { Reason: < ReasonCode.UnspecifiedError } received:
                var (order, one) = _unfinished.Single(entry => entry.Value.Id == received.PacketId);
                _unfinished[order] = one with { Received = true };
                ledger.Promise(one.Command);
                await client.SendAsync(new PubRelPacket { PacketId = received.PacketId });
                break;
            default: throw new IOException($"The server sent {packet.GetType().Name}.");
        }
    }

    private void Finish(ushort id)
    {
        var (order, one) = _unfinished.Single(entry => entry.Value.Id == id);
        ledger.Promise(one.Command);
        _unfinished.Remove(order);
    }
}
