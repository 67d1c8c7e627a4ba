using IoTFleet.Device.Commands;
using IoTFleet.Device.Enrolment;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Link;
using IoTFleet.Device.Renewal;
using IoTFleet.Device.Telemetry;
using IoTFleet.Device.Telemetry.Disk;
using IoTFleet.Device.Twins;

namespace IoTFleet.Device;

/// <summary>
/// A device's connection to its fleet server. It enrols the device when needed, connects, and comes back by itself after every
/// kind of interruption; messages given to it are held, in memory or on disk, until the server has stored them. Safe for use by many threads.
/// </summary>
public sealed partial class DeviceClient : IAsyncDisposable
{
    private readonly DeviceOptions _options;
    private readonly Func<CancellationToken, Task<Stream>> _dial;
    private readonly Identified? _identified;
    private readonly OutboxJournal? _journal;
    private readonly Doorbell _doorbell = new();
    private readonly Outbox _outbox;
    private readonly CommandInbox _inbox;
    private readonly AnswerQueue _answers;
    private readonly CommandLedger _ledger;
    private readonly TwinChannel? _twin;
    private readonly Reconnect _reconnect;
    private readonly StateBoard _states;
    private readonly NetworkWatch _network;
    private readonly Renewer? _renewer;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;
    private readonly Task _renewing;
    private volatile CancellationTokenSource? _link;           // ends the present connection, for a new one to be made
    private volatile CancellationTokenSource? _pause;          // ends the wait for the next one
    private volatile BrokerLink? _open;
    private long _tryNowAt;
    private long _sent;
    private long _acked;
    private long _connections;
    private int _disposed;

    private DeviceClient(DeviceOptions options, Func<CancellationToken, Task<Stream>> dial, Identified? identified, OutboxJournal? journal, CommandFiles? commands, TwinFile? twin, StateBoard states)
    {
        (_options, _dial, _identified, _journal, _states) = (options, dial, identified, journal, states);
        _outbox = new Outbox(options.Outbox, options.MaxInFlight, options.MaxResident, new TelemetryTopics(options.DeviceId), journal, options.Clock, () => Now, _doorbell);
        _answers = new AnswerQueue(options.DeviceId, options.Clock, _doorbell);
        _ledger = new CommandLedger(commands, _answers, options);
        _inbox = new CommandInbox(options.MaxWaitingCommands, _ledger, options.Clock, _doorbell);
        if (twin is not null)
        {
            _twin = new TwinChannel(options, twin, _doorbell);
            if (twin.Found.Version > 0)
                _twin.TellApplied(twin.Found.Version);
        }

        _reconnect = new Reconnect(options.BackoffMin, options.BackoffMax, Random.Shared.NextDouble);
        _renewer = identified is null ? null : new Renewer(options, identified.Slots, identified.Trust, MakeConnectionAnew, Random.Shared.NextDouble);
        _network = new NetworkWatch(options.Clock, TryNow);
        _running = Task.Run(StayConnectedAsync);
        _renewing = _renewer is null ? Task.CompletedTask : Task.Run(() => _renewer.RunAsync(_stopping.Token));
    }

    /// <summary>Where the device stands now. <see cref="DeviceOptions.StateChanged"/> is told of each change.</summary>
    public DeviceState State => _states.Current;

    /// <summary>What waits for the server, and what was given up.</summary>
    public OutboxStatus Outbox => _outbox.Status;

    /// <summary>What operators want of the device, and what it says of itself.</summary>
    /// <exception cref="DeviceException"><see cref="DeviceOptions.Twin"/> is not set.</exception>
    public DeviceTwin Twin => _twin is null
        ? throw new DeviceException(DeviceError.OptionsNotValid, $"Set {nameof(DeviceOptions)}.{nameof(DeviceOptions.Twin)}: without it the device does not ask the server for its twin.")
        : new DeviceTwin(_twin);

    /// <summary>Messages taken by PublishAsync and QueueAsync.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Messages that the server has stored, of those that PublishAsync waits for.</summary>
    public long Acked => Volatile.Read(ref _acked);

    /// <summary>Connections after the first one.</summary>
    public long Reconnects => Math.Max(0, Volatile.Read(ref _connections) - 1);

    /// <summary>Certificates that took the place of an older one since the client was started: the server has let the device in with them.</summary>
    public long Renewals => _identified?.Slots.Promotions ?? 0;

    /// <summary>When the certificate in use ends; a renewal follows by itself long before.</summary>
    public DateTimeOffset? CertificateExpiresAt => _identified?.Slots.Current.ExpiresAt;

    /// <summary>The version of the fleet's trust bundle that the device holds and goes by; null before it has one.</summary>
    public long? TrustBundleVersion => _identified?.Trust.Version;

    /// <summary>Commands that found the inbox full and were dropped unacknowledged: only with MQTT 3.1.1 or at QoS 0.</summary>
    public long CommandsDropped => _inbox.Dropped;

    /// <summary>
    /// Enrols the device if its key store holds no valid certificate, then connects in the background. Returns when the device has
    /// an identity; while the server cannot be reached for enrolment it waits and tries again until cancelled.
    /// </summary>
    /// <exception cref="DeviceException">
    /// An option is out of range, the key store is unusable, or the server was not trusted or refused the enrolment.
    /// </exception>
    public static async Task<DeviceClient> StartAsync(DeviceOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var states = new StateBoard(options.StateChanged);
        // First, because a folder that cannot be used must not cost a one-time token.
        var journal = options.Outbox.Folder is null ? null : await Task.Run(() => OutboxJournal.Open(options), cancellation);
        CommandFiles? commands = null;
        try
        {
            commands = await Task.Run(() => OpenCommands(options), cancellation);
            var twin = options.Twin is null ? null : await Task.Run(() => TwinFile.Open(options), cancellation);
            var trust = await DeviceTrust.LoadAsync(options, cancellation);
            var slots = await new Enroller(options, trust, states.Enter).IdentifyAsync(cancellation);
            var dialer = new TlsDialer(options, slots, trust);
            return new DeviceClient(options, dialer.DialAsync, new Identified(slots, dialer, trust), journal, commands, twin, states);
        }
        catch
        {
            commands?.Dispose();
            if (journal is not null)
                await journal.DisposeAsync();
            throw;
        }
    }

    /// <summary>A client over a connection that is not TLS, for tests of everything above it.</summary>
    internal static DeviceClient StartOver(Func<CancellationToken, Task<Stream>> dial, DeviceOptions options)
    {
        options.Validate();
        return new DeviceClient(options, dial, identified: null, options.Outbox.Folder is null ? null : OutboxJournal.Open(options), OpenCommands(options),
            options.Twin is null ? null : TwinFile.Open(options), new StateBoard(options.StateChanged));
    }

    private static CommandFiles? OpenCommands(DeviceOptions options)
    {
        var beside = options.Outbox.Folder ?? (options.KeyStore as FileKeyStore)?.Folder ?? (options.KeyStore as HardwareKeyStore)?.Folder;
        if ((options.Commands.Folder ?? (beside is null ? null : Path.Combine(beside, "commands"))) is not { } folder)
            return null;
        try
        {
            return CommandFiles.Open(Path.GetFullPath(folder), options.DeviceId);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.CommandFailed, $"What is known of commands cannot be kept in {folder}: {error.Message} Give each client a folder of its own.", error);
        }
    }

    /// <summary>
    /// The network may be there again: ends the wait for the next attempt, and pings over a connection that stands, so that one that has died with the old network is
    /// found out. The client does so by itself when an address of this machine changes; a wait that the server has asked for is kept.
    /// </summary>
    public void TryNow()
    {
        Volatile.Write(ref _tryNowAt, _options.Clock.GetTimestamp());
        Cancel(_pause);
        _open?.CheckNow();
    }

    /// <summary>Completes as soon as the device is connected and subscribed to its commands.</summary>
    /// <exception cref="DeviceException">The client was disposed.</exception>
    public Task WaitConnectedAsync(CancellationToken cancellation = default) => _states.WaitConnectedAsync(cancellation);

    /// <summary>
    /// Sends telemetry at QoS 1 and completes when the server has stored it. The message is kept across reconnects and sent again, in
    /// order, with the same sequence number. Cancelling stops the wait for room in a full outbox; a message already in the outbox is
    /// still delivered, only not waited for.
    /// </summary>
    /// <param name="stream">A name for this kind of telemetry, or null for the device's unnamed stream; no <c>+ #</c>.</param>
    /// <param name="json">
    /// One JSON object in UTF-8; copied, so the caller may reuse the memory. Its <c>ts</c>, if any, is the time the server files it under.
    /// </param>
    /// <param name="cancellation">Stops the waiting.</param>
    /// <exception cref="DeviceException">
    /// The server refused this message (<see cref="DeviceException.Reason"/> says why), or the client was disposed.
    /// </exception>
    public Task<PublishReceipt> PublishAsync(string? stream, ReadOnlyMemory<byte> json, CancellationToken cancellation = default) =>
        PublishOwnAsync(stream, json.ToArray(), cancellation);

    /// <summary>
    /// Gives telemetry to the outbox and completes when it is held there: in memory, or on the disk with <see cref="OutboxOptions.Folder"/>, from where it is sent even
    /// after a restart or a power cut. For a device that must go on measuring while the server is away.
    /// </summary>
    /// <param name="stream">As for PublishAsync.</param>
    /// <param name="json">As for PublishAsync.</param>
    /// <param name="cancellation">Stops the waiting for room; what is held already is sent.</param>
    /// <exception cref="DeviceException">By its stream's policy there is no room for it, the disk did not take it, or the client was disposed.</exception>
    public Task<QueuedMessage> QueueAsync(string? stream, ReadOnlyMemory<byte> json, CancellationToken cancellation = default) =>
        QueueOwnAsync(stream, json.ToArray(), cancellation);

    /// <summary>
    /// The same with one number per name, written as a JSON object. The present time is added as <c>ts</c>, in milliseconds since 1970, so
    /// that an outage does not shift the readings; a reading of that name takes its place.
    /// </summary>
    /// <exception cref="ArgumentException">A number is infinite or not a number.</exception>
    /// <exception cref="DeviceException">The server refused this message, or the client was disposed.</exception>
    public Task<PublishReceipt> PublishAsync(string? stream, IReadOnlyDictionary<string, double> readings, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(readings);
        return PublishOwnAsync(stream, JsonReadings.Write(readings, Now), cancellation);
    }

    /// <inheritdoc cref="QueueAsync(string?, ReadOnlyMemory{byte}, CancellationToken)"/>
    /// <exception cref="ArgumentException">A number is infinite or not a number.</exception>
    public Task<QueuedMessage> QueueAsync(string? stream, IReadOnlyDictionary<string, double> readings, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(readings);
        return QueueOwnAsync(stream, JsonReadings.Write(readings, Now), cancellation);
    }

    /// <summary>
    /// The commands for this device as they arrive; ends when the client is disposed. Taking a command acknowledges it to the server; <see cref="DeviceCommand.AnswerAsync(CommandAnswer)"/>
    /// answers it. What comes twice is yielded once. Up to 64 wait here, with <see cref="DeviceOptions.Constrained"/> 8. With several readers each command goes to one of them.
    /// </summary>
    public IAsyncEnumerable<DeviceCommand> CommandsAsync(CancellationToken cancellation = default) => _inbox.TakeAllAsync(cancellation);

    /// <summary>
    /// Runs a handler for each command as it arrives, one after the other, and answers with what it returns; ends when the client is disposed. Called twice, two commands
    /// run at a time. The handler's token ends at the command's deadline, and when this ends. What the handler throws is answered with status 500 and its message, one that
    /// is late with 504. Each command is run at most once and answered once, as <see cref="CommandOptions"/> says, whatever is cut or sent twice.
    /// </summary>
    /// <param name="handler">Returns the answer.</param>
    /// <param name="cancellation">Ends the handling. A command that is at work is then as one that a restart has cut.</param>
    public async Task HandleCommandsAsync(Func<DeviceCommand, CancellationToken, Task<CommandAnswer>> handler, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
        await new CommandHandling(handler, _options.Clock, _options.TroubleMet).RunAsync(CommandsAsync(cancellation), stop.Token);
    }

    /// <summary>
    /// Says goodbye to the server and closes. Waiting for messages that are not stored yet fails with <see cref="DeviceError.Stopped"/>; an outbox on disk keeps them
    /// for the next start.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
        {
            await _running;
            return;
        }

        _network.Dispose();
        await _stopping.CancelAsync();
        await _running;
        await _renewing;
        if (_journal is not null)
            await _journal.DisposeAsync();
        _outbox.Dispose();
        await _ledger.DisposeAsync();
        _identified?.Slots.Dispose();
    }

    // The payload is the outbox's from here on. A small device publishes often: what is allocated for it is in docs/footprint.md.
    private async Task<PublishReceipt> PublishOwnAsync(string? stream, ReadOnlyMemory<byte> json, CancellationToken cancellation)
    {
        var message = await _outbox.AddAsync(stream, json, cancellation);
        Interlocked.Increment(ref _sent);
        var receipt = await message.Settled.WaitAsync(cancellation);
        Interlocked.Increment(ref _acked);
        return receipt;
    }

    private async Task<QueuedMessage> QueueOwnAsync(string? stream, ReadOnlyMemory<byte> json, CancellationToken cancellation)
    {
        var message = await _outbox.AddAsync(stream, json, cancellation);
        Interlocked.Increment(ref _sent);
        return new QueuedMessage(message.Sequence, message.Settled);
    }

    private DateTimeOffset Now => _identified?.Trust.Time.Now ?? _options.Clock.GetUtcNow();

    /// <summary>A device that is one of a fleet; the others are of tests, over a connection without TLS.</summary>
    private sealed record Identified(IdentitySlots Slots, TlsDialer Dialer, DeviceTrust Trust);
}
