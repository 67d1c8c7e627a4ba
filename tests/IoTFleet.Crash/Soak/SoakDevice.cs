using System.Collections.Concurrent;
using System.Text;
using IoTFleet.Device;
using IoTFleet.Device.Identity;

namespace IoTFleet.Crash.Soak;

/// <summary>How a device holds its messages, and what else befalls it.</summary>
internal enum SoakKind
{
    Memory,
    Disk,
    MemoryRestarted,
    DiskRestarted,

    /// <summary>Starts again from a copy of its folder that was taken while it was in use.</summary>
    DiskPowerCut,
}

/// <summary>Where a device finds its server.</summary>
internal sealed record SoakPlaces(string Folder, string Token, string RootFingerprint, int HttpsPort, int MqttPort);

/// <summary>
/// A device with the SDK, as a customer would write it: two streams, some two messages a second. What it was promised is noted: with an outbox in memory, what was told to be
/// stored; with one on disk, what was told to be held, whatever befalls the device afterwards.
/// </summary>
internal sealed class SoakDevice(int index, SoakPlaces places, SoakMutant? mutant, Random random) : IAsyncDisposable
{
    private const string Urgent = "urgent";
    private const int MostReasons = 40;

    private static readonly List<byte[]> Leaked = [];

    private readonly MemoryKeyStore _keys = new();
    private readonly ConcurrentDictionary<string, int> _reasons = [];
    private DeviceClient? _client;
    private string? _folder;
    private int _restarts;
    private int _published;
    private long _reconnects;
    private long _restartAt;

    public string Id { get; } = $"soak-{index}";

    public SoakKind Kind { get; } = (SoakKind)(index % 5);

    public Promises Plain { get; } = new($"soak-{index}");

    public Promises Fast { get; } = new($"soak-{index}/{Urgent}");

    public int Promised => Plain.Acknowledged + Fast.Acknowledged;

    public long Reconnects => _reconnects + (_client?.Reconnects ?? 0);

    public int Restarts => _restarts;

    /// <summary>Why it was not connected, each with how often.</summary>
    public IReadOnlyDictionary<string, int> Reasons => _reasons;

    public bool IsConnected => _client is { State: DeviceState.Connected };

    public bool IsSettled => _client is { State: DeviceState.Connected, Outbox.Messages: 0 };

    public string Standing => $"{Id} ({Kind}): {_client?.State}, {_client?.Outbox.Messages} messages held";

    private bool IsOnDisk => Kind is SoakKind.Disk or SoakKind.DiskRestarted or SoakKind.DiskPowerCut;

    public async Task StartAsync(CancellationToken ct)
    {
        if (IsOnDisk) _folder = Path.Combine(places.Folder, Id);
        _client = await DeviceClient.StartAsync(Options(), ct);
        await _client.WaitConnectedAsync(ct);
        SetRestart();
    }

    public async Task PublishUntilAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1000)), TimeProvider.System, stop);
                await PublishAsync(stop);
                if (TimeProvider.System.GetTimestamp() >= _restartAt) await RestartAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The weather is over.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not { } client) return;
        _reconnects += client.Reconnects;
        _client = null;
        await client.DisposeAsync();
    }

    private async Task PublishAsync(CancellationToken stop)
    {
        var promises = random.Next(4) == 0 ? Fast : Plain;
        var number = promises.Number(1);
        var json = Encoding.UTF8.GetBytes("{" + Promises.Body(number) + "}");
        var stream = promises == Fast ? Urgent : null;
        Misbehave(promises, stream, json);
        if (random.Next(8) == 0)
        {
            await _client!.PublishAsync(stream, json, stop);
            promises.Acknowledge(number, 1);
            return;
        }

        var queued = await _client!.QueueAsync(stream, json, stop);
        if (IsOnDisk) promises.Acknowledge(number, 1);
        else _ = NoteAsync(queued, promises, number);
    }

    private static async Task NoteAsync(QueuedMessage queued, Promises promises, int number)
    {
        try
        {
            await queued.Stored;
            promises.Acknowledge(number, 1);
        }
        catch (DeviceException stopped) when (stopped.Error == DeviceError.Stopped)
        {
            // Restarted, with its outbox in memory: nothing was promised.
        }
        catch (DeviceException refused)
        {
            promises.Wrong($"message {number} was refused: {refused.Message}");
        }
    }

    private async Task RestartAsync()
    {
        _restarts++;
        var copy = Kind == SoakKind.DiskPowerCut ? PowerCut() : _folder;
        await DisposeAsync();
        if (copy != _folder) Directory.Delete(_folder!, recursive: true);
        _folder = copy;
        _client = await DeviceClient.StartAsync(Options());    // it has its certificate: nobody is asked
        SetRestart();
    }

    private void SetRestart()
    {
        var seconds = (mutant, Kind) switch
        {
            (SoakMutant.Deaf, _) when index == 0 && _restarts == 0 => 3,
            (_, SoakKind.Memory or SoakKind.Disk) => double.PositiveInfinity,
            _ => 10 + random.NextDouble() * 40,
        };
        _restartAt = double.IsInfinity(seconds) ? long.MaxValue : TimeProvider.System.GetTimestamp() + (long)(seconds * TimeProvider.System.TimestampFrequency);
    }

    // The oldest file first: what moved on meanwhile is then in a later one. Files that come or go while it is copied make it no picture of any moment.
    private string PowerCut()
    {
        while (true)
        {
            var copy = Path.Combine(places.Folder, $"{Id}-{_restarts}-{random.Next()}");
            Directory.CreateDirectory(copy);
            var before = Files();
            try
            {
                foreach (var file in before) Copy(file, Path.Combine(copy, Path.GetFileName(file)));
                if (before.SequenceEqual(Files())) return copy;
            }
            catch (FileNotFoundException)
            {
                // It went.
            }

            Directory.Delete(copy, recursive: true);
        }
    }

    private string[] Files() => [.. Directory.GetFiles(_folder!, "*.log").Order(StringComparer.Ordinal)];

    private static void Copy(string from, string to)
    {
        using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var target = new FileStream(to, FileMode.CreateNew);
        source.CopyTo(target);
    }

    private void Misbehave(Promises promises, string? stream, byte[] json)
    {
        var isTime = ++_published % 10 == 0;
        if (mutant == SoakMutant.Leak) lock (Leaked) Leaked.Add(new byte[64 * 1024]);
        if (mutant == SoakMutant.Lose && isTime) promises.Acknowledge(promises.Number(1), 1);
        if (mutant == SoakMutant.Twice && isTime) _ = _client!.QueueAsync(stream, json);
    }

    private void OnState(DeviceState state)
    {
        var (what, why) = state switch
        {
            DeviceState.Waiting waiting => ("Waiting", waiting.Reason),
            DeviceState.Refused refused => ("Refused", refused.Reason),
            _ => ("", ""),
        };
        var reason = $"{what}: {why}";
        if (what.Length > 0 && (_reasons.ContainsKey(reason) || _reasons.Count < MostReasons)) _reasons.AddOrUpdate(reason, 1, (_, times) => times + 1);
    }

    private DeviceOptions Options() => new()
    {
        DeviceId = Id,
        Server = new Uri($"https://localhost:{places.HttpsPort}"),
        RootFingerprint = places.RootFingerprint,
        BrokerPort = mutant == SoakMutant.Deaf && index == 0 && _restarts > 0 ? 1 : places.MqttPort,
        EnrolmentToken = places.Token,
        KeyStore = _keys,
        KeepAlive = TimeSpan.FromSeconds(10),
        AckTimeout = TimeSpan.FromSeconds(8),
        ConnectTimeout = TimeSpan.FromSeconds(8),
        BackoffMin = TimeSpan.FromMilliseconds(200),
        BackoffMax = TimeSpan.FromSeconds(5),
        StateChanged = OnState,
        TroubleMet = trouble => Plain.Wrong($"trouble: {trouble.Message}"),
        Outbox = new OutboxOptions
        {
            Folder = _folder,
            MaxMessages = 200,
            MaxBytes = 256 * 1024,
            Streams = new Dictionary<string, StreamPolicy> { [Urgent] = new() { Priority = 5 } },
        },
    };
}
