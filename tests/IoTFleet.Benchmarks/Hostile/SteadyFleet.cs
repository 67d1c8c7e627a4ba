using System.Buffers;
using System.Diagnostics;
using System.Net.Security;
using System.Text;
using IoTFleet.Benchmarks.Load;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Benchmarks.Hostile;

/// <summary>Devices that do nothing wrong: telemetry at QoS 1 at an even pace, and how long its PUBACK takes, commit included.</summary>
internal sealed class SteadyFleet : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    private readonly List<SteadyDevice> _devices = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _sending = Task.CompletedTask;

    public Latencies Latencies { get; } = new();

    /// <summary>Devices whose connection has ended.</summary>
    public int Lost => _devices.Count(device => device.IsLost);

    public static async Task<SteadyFleet> ConnectAsync(string folder, int port, IEnumerable<string> names, int messagesPerSecond)
    {
        var fleet = new SteadyFleet();
        foreach (var name in names)
        {
            using var certificate = AttackedServer.CertificateOf(folder, name);
            fleet._devices.Add(await SteadyDevice.ConnectAsync(name, port, Link.OptionsOf(certificate), fleet.Latencies));
        }

        fleet._sending = fleet.SendAsync((int)(messagesPerSecond * Tick.TotalSeconds));
        return fleet;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        foreach (var device in _devices) await device.DisposeAsync();
        _stop.Dispose();
    }

    private async Task SendAsync(int each)
    {
        using var timer = new PeriodicTimer(Tick);
        for (var next = 0; !_stop.IsCancellationRequested && await timer.WaitForNextTickAsync();)
        {
            for (var i = 0; i < each; i++, next++) await _devices[next % _devices.Count].PublishAsync();
        }
    }

    private sealed class SteadyDevice : IAsyncDisposable
    {
        private readonly SslStream _tls;
        private readonly TopicName _topic;
        private readonly byte[] _payload = Encoding.UTF8.GetBytes("{\"v\":1,\"note\":\"" + new string('x', 180) + "\"}");
        private readonly ArrayBufferWriter<byte> _output = new();
        private readonly long[] _sentAt = new long[65_536];
        private readonly Latencies _latencies;
        private Task _reading = Task.CompletedTask;
        private ushort _id;

        private SteadyDevice(string name, SslStream tls, Latencies latencies) => (_topic, _tls, _latencies) = (TopicName.Parse($"devices/{name}/telemetry"), tls, latencies);

        public bool IsLost { get; private set; }

        public static async Task<SteadyDevice> ConnectAsync(string name, int port, SslClientAuthenticationOptions options, Latencies latencies)
        {
            var tls = await Link.SecureAsync(await Link.ConnectAsync(port, source: 0, CancellationToken.None), options, CancellationToken.None);
            var device = new SteadyDevice(name, tls, latencies);
            await device.SendAsync(new ConnectPacket { Version = ProtocolVersion.V5, ClientId = name, CleanStart = true, KeepAlive = 600 });
            device._reading = device.ReadAsync();
            return device;
        }

        public async Task PublishAsync()
        {
            if (IsLost) return;
            _id = _id == ushort.MaxValue ? (ushort)1 : (ushort)(_id + 1);
            _sentAt[_id] = Stopwatch.GetTimestamp();
            await SendAsync(new PublishPacket { Topic = _topic, Payload = _payload, Qos = QualityOfService.AtLeastOnce, PacketId = _id });
        }

        public async ValueTask DisposeAsync()
        {
            await _tls.DisposeAsync();
            await _reading;
        }

        private async Task SendAsync(Packet packet)
        {
            try
            {
                _output.ResetWrittenCount();
                PacketWriter.Write(_output, packet, ProtocolVersion.V5);
                await _tls.WriteAsync(_output.WrittenMemory);
            }
            catch (Exception gone) when (gone is IOException or ObjectDisposedException)
            {
                IsLost = true;
            }
        }

        private async Task ReadAsync()
        {
            var reader = new PacketReader(PacketLimits.Default) { Version = ProtocolVersion.V5 };
            var (input, filled) = (new byte[4096], 0);
            try
            {
                while (await _tls.ReadAsync(input.AsMemory(filled)) is var read and > 0)
                {
                    filled += read;
                    var buffer = new ReadOnlySequence<byte>(input, 0, filled);
                    while (reader.TryRead(ref buffer, out var packet))
                    {
                        if (packet is PubAckPacket { Reason: < ReasonCode.UnspecifiedError } ack) _latencies.Add(_sentAt[ack.PacketId]);
                        else if (packet is not ConnAckPacket { Reason: ReasonCode.Success }) throw new IOException($"{packet.Type}");
                    }

                    buffer.CopyTo(input);
                    filled = (int)buffer.Length;
                }
            }
            catch (Exception gone) when (gone is IOException or ObjectDisposedException)
            {
                // Counted below.
            }

            IsLost = true;
        }
    }
}
