using System.Text;
using IoTFleet.Device.Link;
using IoTFleet.Device.Telemetry;
using IoTFleet.Device.Telemetry.Disk;
using IoTFleet.Mqtt;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Support;

/// <summary>An outbox in memory, or on disk when its options name a folder, and the words of these tests for it.</summary>
internal sealed class OutboxRig : IAsyncDisposable
{
    private readonly OutboxJournal? _journal;

    public OutboxRig(OutboxOptions options, FakeClock? clock = null, string device = Devices.Id, int maxInFlight = 20)
    {
        Clock = clock ?? new FakeClock();
        var all = Devices.Quick() with { DeviceId = device, Outbox = options, Clock = Clock, TroubleMet = Troubles.Add };
        all.Validate();
        _journal = options.Folder is null ? null : OutboxJournal.Open(all);
        Outbox = new Outbox(options, maxInFlight, all.MaxResident, new TelemetryTopics(device), _journal, Clock, Clock.GetUtcNow, Doorbell);
        Outbox.StartOver();
    }

    public int JournalBufferBytes => _journal!.BufferBytes;

    public FakeClock Clock { get; }

    public Outbox Outbox { get; }

    public Doorbell Doorbell { get; } = new();

    public List<DeviceException> Troubles { get; } = [];

    /// <summary>Holds up each flush from now on, as a slow disk does.</summary>
    public void Flushing(Action wait) => _journal!.Flushing = wait;

    public async Task<OutboxMessage> AddAsync(string text, string? stream = null) =>
        await Outbox.AddAsync(stream, Encoding.UTF8.GetBytes(text), default).AsTask().WaitAsync(Devices.Patience);

    public async Task AddAllAsync(params string[] texts)
    {
        foreach (var text in texts)
            await AddAsync(text);
    }

    /// <summary>Takes what may be sent now, as its text.</summary>
    public List<string> Take(int window = ushort.MaxValue) => [.. TakeMessages(window).Select(Text)];

    public List<OutboxMessage> TakeMessages(int window = ushort.MaxValue)
    {
        var taken = new List<OutboxMessage>();
        while (Outbox.TryTake(window, out var message))
            taken.Add(message);
        return taken;
    }

    /// <summary>Takes one after the other and has each stored, until there are so many; waits for what the disk must know first.</summary>
    public async Task<List<string>> DeliverAsync(int count)
    {
        var delivered = new List<string>();
        using var deadline = new CancellationTokenSource(Devices.Patience);
        while (delivered.Count < count)
        {
            if (!Outbox.TryTake(1, out var message))
            {
                await Doorbell.WaitAsync(deadline.Token);
                continue;
            }

            delivered.Add(Text(message));
            Settle(message);
        }

        return delivered;
    }

    public void Settle(OutboxMessage message)
    {
        Outbox.Settle(message.PacketId);
        message.Complete(ReasonCode.Success);
    }

    public string Text(OutboxMessage message) => Encoding.UTF8.GetString(Outbox.PayloadOf(message).Span);

    public async ValueTask DisposeAsync()
    {
        Outbox.Dispose();
        if (_journal is not null)
            await _journal.DisposeAsync();
    }
}
