using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Testing;

namespace IoTFleet.Fuzz;

/// <summary>One case, from the first byte to the end of its connection.</summary>
internal sealed class HostileClient(FuzzBroker broker, FuzzCase one, int seed)
{
    private static readonly byte[] Zeros = new byte[64 * 1024];
    private readonly PacketReader _answers = new(PacketLimits.Default);
    private readonly List<byte> _sent = [.. one.Bytes];
    private bool _anything;
    private int _pongs;

    public async Task RunAsync()
    {
        var (pipe, handled) = broker.Open();
        await SendAsync(pipe.Output);
        if (!one.Reads)
        {
            await LeaveUnreadAsync(pipe, handled);
            return;
        }

        var pings = await EndPacketAsync(pipe.Output) is { } before ? before + 1 : int.MaxValue;
        if (pings != int.MaxValue) await pipe.Output.WriteAsync(new byte[] { (byte)PacketType.PingReq << 4, 0 });
        _answers.Version = VersionOf(new ReadOnlySequence<byte>(_sent.ToArray()));
        var alive = await ReadAsync(pipe.Input, pings);
        await pipe.Output.CompleteAsync();
        if (alive) await ReadAsync(pipe.Input, int.MaxValue);
        await pipe.Input.CompleteAsync();
        await handled;
    }

    private async Task SendAsync(PipeWriter output)
    {
        var from = 0;
        foreach (var cut in one.Cuts)
        {
            await output.WriteAsync(one.Bytes.AsMemory(from..cut));
            from = cut;
        }

        await output.WriteAsync(one.Bytes.AsMemory(from..));
    }

    /// <summary>Sends what is missing of a packet that was begun, so that a PINGREQ can be told from its content.</summary>
    /// <returns>How many PINGREQ there were; null where no packet can end any more, and the connection must.</returns>
    private async Task<int?> EndPacketAsync(PipeWriter output)
    {
        while (true)
        {
            var framing = Framing.Of(CollectionsMarshal.AsSpan(_sent), broker.Options.PacketLimits.MaxPacketSize);
            if (framing.Missing is null) return null;
            if (framing.Missing == 0) return framing.Pings;
            var more = Zeros.AsMemory(0, Math.Min(framing.Missing.Value, Zeros.Length));
            _sent.AddRange(more.Span);
            if ((await output.WriteAsync(more)).IsCompleted) return null;
        }
    }

    /// <returns>False when the connection has ended, true when that many PINGRESP have come.</returns>
    private async Task<bool> ReadAsync(PipeReader input, int pings)
    {
        while (true)
        {
            var read = await input.ReadAsync();
            var buffer = read.Buffer;
            while (TryRead(ref buffer, out var packet)) Note(packet);
            input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted && !buffer.IsEmpty && pings != int.MaxValue) throw new FuzzFailure(one, seed, "The connection ended within a packet.");
            if (read.IsCompleted) return false;
            if (_pongs >= pings) return true;
        }
    }

    private bool TryRead(ref ReadOnlySequence<byte> buffer, out Packet packet)
    {
        packet = PingRespPacket.Instance;
        try
        {
            return _answers.TryRead(ref buffer, out packet!);
        }
        catch (ProtocolViolation violation)
        {
            throw new FuzzFailure(one, seed, $"The broker sent what it may not: {violation.Message}");
        }
    }

    private void Note(Packet packet)
    {
        if (!_anything && packet is not ConnAckPacket) throw new FuzzFailure(one, seed, $"The first answer is {packet.Type}.");
        if (_anything && packet is ConnAckPacket) throw new FuzzFailure(one, seed, "A second CONNACK came.");
        if (packet is PingRespPacket) _pongs++;
        _anything = true;
    }

    private async Task LeaveUnreadAsync(DuplexPipe pipe, Task handled)
    {
        await pipe.Output.CompleteAsync();
        while (!handled.IsCompleted)
        {
            broker.Clock.Advance(TimeSpan.FromMilliseconds(100));       // its last packets have a deadline
            await Task.Yield();
        }

        await pipe.Input.CompleteAsync();
        await handled;
    }

    /// <summary>A CONNECT of an unknown version is answered in words that any client knows.</summary>
    private static ProtocolVersion VersionOf(ReadOnlySequence<byte> buffer)
    {
        var reader = new PacketReader(PacketLimits.Default);
        try
        {
            return reader.TryRead(ref buffer, out _) ? reader.Version : ProtocolVersion.V311;
        }
        catch (ProtocolViolation violation)
        {
            return violation.Reason == ReasonCode.UnsupportedProtocolVersion ? ProtocolVersion.V311 : reader.Version;
        }
    }
}
