using System.Security.Cryptography.X509Certificates;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>Connects, takes some of its commands, goes with or without a word, and sleeps while more are sent. Remembers which QoS 2 ids it holds.</summary>
internal sealed class SleepingDevice(string id, X509Certificate2 certificate, X509Certificate2 root, MortalServer server, Ledger ledger, int seed)
{
    private readonly Random _random = new(seed);
    private readonly HashSet<ushort> _held = [];
    private bool _hasSession;

    public string Id => id;

    public async Task RunAsync(CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            try
            {
                await WakeAsync(_random.Next(1, 40), done);
                await SleepAsync(done);
            }
            catch (Exception error) when (MortalServer.IsDeath(error) || error is OperationCanceledException)
            {
                // It comes back when there is a server again.
            }
        }
    }

    /// <summary>Takes all that is left for it.</summary>
    public async Task TakeAllAsync()
    {
        do
        {
            await WakeAsync(int.MaxValue, CancellationToken.None);
        }
        while (!ledger.HasAll(id));
    }

    private async Task WakeAsync(int atMost, CancellationToken done)
    {
        var ready = await server.WhenUpAsync(done);
        await using var client = await RunningServer.OpenAsync(ready.MqttPort, root, certificate);
        var answer = await client.ConnectAsync(id, cleanStart: false, properties: new PropertyBlock { SessionExpiryInterval = 3600 });
        if (answer.Reason != ReasonCode.Success) throw new InvalidOperationException($"{id} was refused: {answer.Reason}.");
        if (_hasSession && !answer.SessionPresent) ledger.Wrong($"{id} has lost its session.");
        if (!_hasSession) await client.SubscribeAsync($"devices/{id}/commands/#", QualityOfService.ExactlyOnce);
        _hasSession = true;

        await TakeAsync(client, atMost);
        if (_random.Next(2) == 0) await client.SendAsync(new DisconnectPacket());
    }

    /// <summary>Until it has enough, or a PINGREQ is answered and nothing came before.</summary>
    private async Task TakeAsync(RawClient client, int atMost)
    {
        for (var taken = -1; taken != 0 && atMost > 0; atMost -= taken)
        {
            taken = 0;
            await client.SendAsync(PingReqPacket.Instance);
            while (taken < atMost && await NextAsync(client) is not PingRespPacket and var packet)
            {
                taken++;
                await OnAsync(client, packet);
            }
        }
    }

    private static async Task<Packet> NextAsync(RawClient client) => await client.ReceiveAsync() ?? throw new IOException("The server is gone.");

    private async Task OnAsync(RawClient client, Packet packet)
    {
        switch (packet)
        {
            case PublishPacket { Qos: QualityOfService.AtLeastOnce } once:
                ledger.Arrive(Command.Parse(id, once.Payload.Span));
                await client.SendAsync(new PubAckPacket { PacketId = once.PacketId });
                break;
            case PublishPacket message:
                if (_held.Add(message.PacketId)) ledger.Arrive(Command.Parse(id, message.Payload.Span));
                await client.SendAsync(new PubRecPacket { PacketId = message.PacketId });
                break;
            case PubRelPacket release:
                _held.Remove(release.PacketId);
                await client.SendAsync(new PubCompPacket { PacketId = release.PacketId });
                break;
            default: throw new IOException($"The server sent {packet.GetType().Name}.");
        }
    }

    /// <summary>For as long as it takes to promise some more.</summary>
    private async Task SleepAsync(CancellationToken done)
    {
        var enough = ledger.Promised + _random.Next(1, 30);
        await Eventually.TrueAsync(() => Task.FromResult(ledger.Promised >= enough || done.IsCancellationRequested), TimeSpan.FromMinutes(2));
    }
}
