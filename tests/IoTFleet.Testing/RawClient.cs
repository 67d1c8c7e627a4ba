using System.Buffers;
using System.IO.Pipelines;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>A client that has no opinion: it sends what it is told and expects what it is told, as bytes or as packets.</summary>
public sealed class RawClient(IDuplexPipe pipe, ProtocolVersion version) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly PacketReader _reader = new(PacketLimits.Default) { Version = version };

    public ProtocolVersion Version => version;

    /// <param name="hex">Bytes as hexadecimal digits; blanks do not matter.</param>
    public async Task SendAsync(string hex) => await SendAsync(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await pipe.Output.WriteAsync(bytes);

    public async Task SendAsync(params Packet[] packets)
    {
        foreach (var packet in packets) PacketWriter.Write(pipe.Output, packet, version);
        await pipe.Output.FlushAsync();
    }

    /// <summary>Connects as <paramref name="clientId"/> and returns the broker's answer.</summary>
    public async Task<ConnAckPacket> ConnectAsync(string clientId, bool cleanStart = true, ushort keepAlive = 60, PropertyBlock? properties = null, WillMessage? will = null)
    {
        await SendAsync(new ConnectPacket
        {
            Version = version,
            ClientId = clientId,
            CleanStart = cleanStart,
            KeepAlive = keepAlive,
            Will = will,
            Properties = properties ?? PropertyBlock.None,
        });
        return await ExpectAsync<ConnAckPacket>();
    }

    public async Task<T> ExpectAsync<T>()
        where T : Packet =>
        await ReceiveAsync() switch
        {
            T expected => expected,
            null => throw new Xunit.Sdk.XunitException($"Expected {typeof(T).Name}, but the connection was closed."),
            var other => throw new Xunit.Sdk.XunitException($"Expected {typeof(T).Name}, but got {other.GetType().Name}."),
        };

    public async Task ExpectBytesAsync(string hex)
    {
        var expected = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        var read = await pipe.Input.ReadAtLeastAsync(expected.Length).AsTask().WaitAsync(Patience);
        var got = read.Buffer.Slice(0, Math.Min(expected.Length, read.Buffer.Length));
        var text = Convert.ToHexString(got.ToArray());
        pipe.Input.AdvanceTo(got.End);
        Assert.Equal(Convert.ToHexString(expected), text);
    }

    /// <summary>The broker answers a PINGREQ and has sent nothing before: proof that something was <em>not</em> sent.</summary>
    public async Task ExpectNothingAsync()
    {
        await SendAsync(PingReqPacket.Instance);
        await ExpectAsync<PingRespPacket>();
    }

    public async Task ExpectClosedAsync()
    {
        var packet = await ReceiveAsync();
        Assert.True(packet is null, $"Expected the connection to be closed, but got {packet?.GetType().Name}.");
    }

    /// <returns>The next packet, or null when the connection was closed.</returns>
    public async Task<Packet?> ReceiveAsync()
    {
        while (true)
        {
            ReadResult read;
            try
            {
                read = await pipe.Input.ReadAsync().AsTask().WaitAsync(Patience);
            }
            catch (IOException)
            {
                return null;        // a closed socket may show as an error
            }

            var buffer = read.Buffer;
            var found = _reader.TryRead(ref buffer, out var packet);
            pipe.Input.AdvanceTo(buffer.Start, found ? buffer.Start : buffer.End);
            if (found) return packet;
            if (read.IsCompleted) return null;
        }
    }

    /// <summary>Goes without saying goodbye.</summary>
    public async ValueTask DisposeAsync()
    {
        await pipe.Output.CompleteAsync();
        await pipe.Input.CompleteAsync();
    }
}
