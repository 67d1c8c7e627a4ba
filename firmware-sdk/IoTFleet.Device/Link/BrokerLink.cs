using System.IO.Pipelines;
using IoTFleet.Device.Commands;
using IoTFleet.Device.Telemetry;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Device.Link;

/// <summary>
/// One connection, from CONNECT to its end.
/// <code>
/// OpenAsync: CONNECT -> CONNACK -> SUBSCRIBE -> SUBACK
/// RunAsync:  read loop   PUBACK -> Outbox, PUBLISH -> CommandInbox, DISCONNECT -> end
///            write loop  command acks, PINGREQ, answers, then the Outbox up to the window; all that is there in one write
///            watch       keep-alive, and a server that no longer answers
/// </code>
/// The first of the three to end ends the others; then RunAsync says goodbye if there is somebody to hear it.
/// </summary>
internal sealed partial class BrokerLink : IAsyncDisposable
{
    private static readonly TimeSpan GoodbyeTime = TimeSpan.FromSeconds(2);

    private readonly DeviceOptions _options;
    private readonly Stream _stream;
    private readonly Outbox _outbox;
    private readonly CommandInbox _inbox;
    private readonly AnswerQueue _answers;
    private readonly CommandLedger _ledger;
    private readonly Doorbell _doorbell;
    private readonly PipeReader _input;                        // owner: OpenAsync, then the read loop
    private readonly PipeWriter _output;                       // owner: OpenAsync, then the write loop, then the goodbye
    private readonly PacketReader _packets;
    private readonly CancellationTokenSource _cut;             // ends a write that the network does not take
    private readonly Doorbell _checkDue = new();
    private readonly string _commandTopic;
    private readonly string _answerTopic;

    public BrokerLink(DeviceOptions options, Stream stream, Outbox outbox, CommandInbox inbox, AnswerQueue answers, CommandLedger ledger, Doorbell doorbell)
    {
        (_options, _stream, _outbox, _inbox, _answers, _ledger, _doorbell) = (options, stream, outbox, inbox, answers, ledger, doorbell);
        // Zero-byte reads and small buffers: a fleet in one process holds no buffer per idle connection.
        _input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: options.ReadBuffer, leaveOpen: true, useZeroByteReads: true));
        _output = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        _packets = new PacketReader(options.PacketLimits) { Version = options.Protocol };
        _cut = new CancellationTokenSource(Timeout.InfiniteTimeSpan, options.Clock);
        _commandTopic = $"devices/{options.DeviceId}/commands/";
        _answerTopic = $"devices/{options.DeviceId}/answers/";
        _keepAlive = options.KeepAlive;
    }

    /// <summary>The trust bundle that this device holds, told to the server at each CONNECT; null for none.</summary>
    public long? TrustBundleVersion { get; init; }

    public async Task<LinkEnd> RunAsync(CancellationToken stop)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var writing = WriteLoopAsync(ending.Token);
        Task<LinkEnd>[] loops = [ReadLoopAsync(ending.Token), writing, WatchAsync(ending.Token)];
        var first = await Task.WhenAny(loops);

        await ending.CancelAsync();
        _cut.CancelAfter(GoodbyeTime);
        var outputIsWhole = await Outcome(writing) == LinkEnd.Stopped;
        var end = stop.IsCancellationRequested ? LinkEnd.Stopped with { Goodbye = ReasonCode.Success } : await Outcome(first);
        if (outputIsWhole && end.Goodbye is { } reason)
            await SayGoodbyeAsync(reason);

        foreach (var loop in loops)
            await Outcome(loop);
        return end;
    }

    public async ValueTask DisposeAsync()
    {
        await _input.CompleteAsync();
        await _stream.DisposeAsync();
        _cut.Dispose();
    }

    private static async Task<LinkEnd> Outcome(Task<LinkEnd> loop)
    {
        try
        {
            return await loop;
        }
        catch (Exception error)
        {
            return LinkEnd.From(error);
        }
    }
}
