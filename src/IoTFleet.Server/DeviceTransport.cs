using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using IoTFleet.Server.Doors;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace IoTFleet.Server;

/// <summary>
/// The sockets of the MQTT port: what a device sends is decrypted, worked through and answered by the thread that polls its socket. At a fleet's pace,
/// where each message comes alone, handing it from thread to thread would cost more than everything else that is done for it
/// (docs/performance.md). So nothing may block there: a handshake, and whatever waits for the database, goes to the pool.
/// </summary>
internal sealed class DeviceTransport(DoorOptions doors, ILoggerFactory loggers) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    private readonly SocketTransportFactory _sockets = new(
        Options.Create(new SocketTransportOptions { UnsafePreferInlineScheduling = true, MaxReadBufferSize = doors.MaxUnreadBytes }), loggers);

    /// <summary>The address of the MQTT port: a type of its own, by which its sockets are told from others.</summary>
    public static IPEndPoint EndPoint(int port) => new DeviceEndPoint(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, port);

    /// <summary>
    /// Lets the threads that poll sockets run what waits for them, in the whole process: HTTP has schedulers of its own above. The runtime reads the
    /// switch once, at the first socket, so this comes first in the program. An operator's own value stands.
    /// </summary>
    public static void CompleteOnPollingThreads()
    {
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null) Environment.SetEnvironmentVariable(InlineCompletions, "1");
    }

    public bool CanBind(EndPoint endpoint) => endpoint is DeviceEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => _sockets.BindAsync(endpoint, cancellationToken);

    /// <summary>To be put around the handshake: it takes a millisecond or two, in which the polling thread is to serve others.</summary>
    public static ConnectionDelegate HandshakeOnPool(ConnectionDelegate handshake) => connection =>
    {
        var input = new PoolReader(connection.Transport.Input);
        connection.Features.Set(input);
        connection.Transport = new Duplex(input, connection.Transport.Output);
        return handshake(connection);
    };

    /// <summary>To be put behind the handshake.</summary>
    public static ConnectionDelegate RestOnPoller(ConnectionDelegate rest) => connection =>
    {
        connection.Features.Get<PoolReader>()!.IsHandshaking = false;
        return rest(connection);
    };

    private sealed class DeviceEndPoint(IPAddress address, int port) : IPEndPoint(address, port);

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>Until the handshake is over, whoever waits for input goes on in the pool.</summary>
    private sealed class PoolReader(PipeReader input) : PipeReader
    {
        public volatile bool IsHandshaking = true;

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            var read = input.ReadAsync(cancellationToken);
            return read.IsCompleted || !IsHandshaking ? read : OnPoolAsync(read);
        }

        public override bool TryRead(out ReadResult result) => input.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => input.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => input.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => input.CancelPendingRead();

        public override void Complete(Exception? exception = null) => input.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => input.CompleteAsync(exception);

        private static async ValueTask<ReadResult> OnPoolAsync(ValueTask<ReadResult> read)
        {
            var result = await read;
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            return result;
        }
    }
}
