using System.IO.Pipelines;
using System.Net.WebSockets;
using IoTFleet.Server.Mqtt;
using IoTFleet.Testing;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace IoTFleet.Server.Tests;

/// <summary>The two bounded streams over a WebSocket, without a network: its own transport takes a megabyte and then waits.</summary>
public sealed class WebSocketConnectionTests
{
    private const int Transport = 1024 * 1024;
    private const int Bound = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Who_is_not_read_is_held_up()
    {
        var (server, client) = Pair();
        var read = new TaskCompletionSource<long>();
        var look = new TaskCompletionSource();
        var running = RunAsync(server, async connection =>
        {
            await look.Task;
            read.SetResult((await connection.Transport.Input.ReadAsync()).Buffer.Length);
        });

        var sent = 0L;
        var sending = Task.Run(async () =>
        {
            for (var frame = new byte[4096]; ; sent += frame.Length) await client.SendAsync(frame, WebSocketMessageType.Binary, endOfMessage: true, default);
        });
        await Eventually.TrueAsync(() => sending.IsFaulted ? throw sending.Exception! : Task.FromResult(Volatile.Read(ref sent) >= Transport / 2), TimeSpan.FromSeconds(5));      // the rest is on its way
        look.SetResult();

        Assert.InRange(await read.Task.WaitAsync(Patience), 1, Bound + 4096);
        client.Abort();
        await running.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_peer_that_does_not_read_does_not_hold_up_the_end()
    {
        var (server, client) = Pair();
        var running = RunAsync(server, async connection =>
        {
            using var enough = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
            var output = connection.Transport.Output;
            try
            {
                while (!(await output.WriteAsync(new byte[Bound], enough.Token)).IsCompleted)
                {
                }
            }
            catch (OperationCanceledException)
            {
                // Its transport is full.
            }
        });

        await running.WaitAsync(Patience);
        client.Dispose();
    }

    [Fact]
    public async Task A_handler_that_aborts_cuts_the_socket()
    {
        var (server, client) = Pair();
        await RunAsync(server, connection =>
        {
            connection.Abort();
            return Task.CompletedTask;
        }).WaitAsync(Patience);

        await Assert.ThrowsAsync<WebSocketException>(async () => await client.ReceiveAsync(new byte[10].AsMemory(), default).AsTask().WaitAsync(Patience));
    }

    private static Task RunAsync(WebSocket socket, ConnectionDelegate handler) =>
        new WebSocketConnection(socket, new DefaultHttpContext()).RunAsync(handler, () => false, TimeSpan.FromMilliseconds(200), TimeProvider.System);

    private static (WebSocket Server, WebSocket Client) Pair()
    {
        var (up, down) = (new Pipe(Options()), new Pipe(Options()));
        return (Over(up.Reader, down.Writer, isServer: true), Over(down.Reader, up.Writer, isServer: false));

        static PipeOptions Options() => new(pauseWriterThreshold: Transport, resumeWriterThreshold: Transport / 2, useSynchronizationContext: false);

        static WebSocket Over(PipeReader input, PipeWriter output, bool isServer) =>
            WebSocket.CreateFromStream(new TwoWay(input.AsStream(), output.AsStream()), isServer, "mqtt", TimeSpan.Zero);
    }

    /// <summary>Two streams as one.</summary>
    private sealed class TwoWay(Stream input, Stream output) : Stream
    {
        private readonly CancellationTokenSource _cut = new();

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, _cut.Token);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => output.WriteAsync(buffer, _cut.Token);

        public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            _cut.Cancel();
            input.Dispose();
            output.Dispose();
            base.Dispose(disposing);
        }
    }
}
