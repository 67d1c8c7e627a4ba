using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.WebSockets;
using IoTFleet.Broker.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// A WebSocket as the broker's connection handler expects a connection: as two streams of bytes (MQTT 5 and 3.1.1, chapter 6).
/// <code>
///   frames ─▶ receive loop ─▶ pipe ─▶ MqttConnection ─▶ pipe ─▶ send loop ─▶ frames
/// </code>
/// A pipe that is full holds its writer, so that neither side can be filled: the client's TCP window stops it, the broker's outbox stops the broker.
/// Frames are read in pieces as they come, so their announced length costs nothing, and where one ends means nothing [MQTT-6.0.0-2].
/// </summary>
internal sealed class WebSocketConnection : ConnectionContext
{
    private const int Piece = 4096;

    private static readonly PipeOptions Bounded = new(pauseWriterThreshold: 64 * 1024, resumeWriterThreshold: 32 * 1024, useSynchronizationContext: false);

    private readonly WebSocket _socket;
    private readonly HttpContext _request;
    private readonly Pipe _received = new(Bounded);
    private readonly Pipe _toSend = new(Bounded);
    private readonly CancellationTokenSource _closed = new();
    private WebSocketCloseStatus _farewell = WebSocketCloseStatus.NormalClosure;

    public WebSocketConnection(WebSocket socket, HttpContext request)
    {
        (_socket, _request) = (socket, request);
        ConnectionId = request.Connection.Id;
        RemoteEndPoint = request.Connection.RemoteIpAddress is { } address ? new IPEndPoint(address, request.Connection.RemotePort) : null;
        Features.Set(request.Features.Get<ITlsConnectionFeature>());
        Features.Set(request.Features.Get<PeerProof>());
        Transport = new Ends(_received.Reader, _toSend.Writer);
        ConnectionClosed = _closed.Token;
    }

    public override string ConnectionId { get; set; }

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    public override IDuplexPipe Transport { get; set; }

    /// <summary>Runs the handler on the connection; when it has done, its last bytes are sent and the WebSocket is closed in good order, or cut at the deadline.</summary>
    /// <param name="goingAway">Says, at the end, whether the server is stopping.</param>
    public async Task RunAsync(ConnectionDelegate handler, Func<bool> goingAway, TimeSpan closeTimeout, TimeProvider clock)
    {
        var receiving = ReceiveAsync();
        var sending = SendAsync();
        try
        {
            await handler(this);
        }
        finally
        {
            await _received.Reader.CompleteAsync();
            await _toSend.Writer.CompleteAsync();
            if (goingAway()) _farewell = WebSocketCloseStatus.EndpointUnavailable;
            await CloseAsync(receiving, sending, closeTimeout, clock);
            _closed.Dispose();
        }
    }

    /// <summary>The WebSocket alone would leave a read of the stream below it waiting.</summary>
    public override void Abort(ConnectionAbortedException abortReason)
    {
        _socket.Abort();
        _request.Abort();
    }

    public override void Abort() => Abort(new ConnectionAbortedException());

    private async Task ReceiveAsync()
    {
        var output = _received.Writer;
        try
        {
            while (true)
            {
                var received = await _socket.ReceiveAsync(output.GetMemory(Piece), CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close) return;
                if (received.MessageType != WebSocketMessageType.Binary)        // [MQTT-6.0.0-1]
                {
                    _farewell = WebSocketCloseStatus.InvalidMessageType;
                    break;
                }

                output.Advance(received.Count);
                if ((await output.FlushAsync()).IsCompleted) break;
            }

            await output.CompleteAsync();
            await ReadUntilClosedAsync();
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or ObjectDisposedException or IOException)
        {
            // The peer went without a word, or Abort cut the socket.
        }
        finally
        {
            await output.CompleteAsync();
            await _closed.CancelAsync();
        }
    }

    /// <summary>The closing handshake (RFC 6455 7.1.2) wants the peer's Close; what comes before it is nobody's any more.</summary>
    private async Task ReadUntilClosedAsync()
    {
        var unwanted = ArrayPool<byte>.Shared.Rent(Piece);
        try
        {
            while ((await _socket.ReceiveAsync(unwanted.AsMemory(), CancellationToken.None)).MessageType != WebSocketMessageType.Close)
            {
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(unwanted);
        }
    }

    private async Task SendAsync()
    {
        var input = _toSend.Reader;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync();
                foreach (var piece in read.Buffer) await _socket.SendAsync(piece, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) return;
            }
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or ObjectDisposedException or IOException)
        {
            // As above; the outbox sees that nobody reads any more.
        }
        finally
        {
            await input.CompleteAsync();
        }
    }

    private async Task CloseAsync(Task receiving, Task sending, TimeSpan patience, TimeProvider clock)
    {
        try
        {
            await SayFarewellAsync(receiving, sending).WaitAsync(patience, clock);
        }
        catch (Exception cut) when (cut is TimeoutException or WebSocketException or OperationCanceledException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            Abort();        // the peer does not read, does not answer, or is gone
        }

        await Task.WhenAll(receiving, sending);     // the pipes' buffers go back only when nobody writes to them
    }

    private async Task SayFarewellAsync(Task receiving, Task sending)
    {
        await sending;
        if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived) await _socket.CloseOutputAsync(_farewell, null, CancellationToken.None);
        await receiving;
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
