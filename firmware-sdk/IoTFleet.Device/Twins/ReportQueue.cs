using System.Diagnostics.CodeAnalysis;
using System.Text;
using IoTFleet.Device.Link;
using IoTFleet.Mqtt;

namespace IoTFleet.Device.Twins;

/// <summary>
/// Reports that the server has not stored yet: one on its way, and behind it, merged into one wherever that can be said in one patch, all that were made since.
/// </summary>
internal sealed class ReportQueue(Doorbell doorbell, TimeProvider clock)
{
    private const int MaxWaitingBytes = 2 * PatchSyntax.MaxBytes;

    private readonly Lock _gate = new();
    private readonly LinkedList<Report> _waiting = [];
    private Report? _onItsWay;
    private bool _sent;
    private long _sentAt;
    private bool _closed;

    /// <summary>Completes when the server has stored it.</summary>
    /// <param name="patch">What to report.</param>
    /// <param name="always">Of the SDK itself: it finds room, and a client that is disposed is no error, because the next start says it.</param>
    /// <exception cref="DeviceException">There is no room, or the client was disposed.</exception>
    public Task AddAsync(string patch, bool always = false)
    {
        Task stored;
        lock (_gate)
        {
            if (_closed)
                return always ? Task.CompletedTask : throw Stopped();
            stored = Merge_NeedsGate(patch) ?? Append_NeedsGate(patch, always);
        }

        doorbell.Ring();
        return stored;
    }

    /// <summary>A new connection begins, on which nothing was sent.</summary>
    public void StartOver()
    {
        lock (_gate)
            _sent = false;
    }

    /// <summary>What is to be sent next; nothing while one is on its way.</summary>
    public bool TryTake([NotNullWhen(true)] out string? patch)
    {
        lock (_gate)
        {
            if (_onItsWay is null && _waiting.First is { } first)
            {
                _onItsWay = first.Value;
                _waiting.RemoveFirst();
            }

            patch = _sent ? null : _onItsWay?.Patch;
            if (patch is null)
                return false;
            (_sent, _sentAt) = (true, clock.GetTimestamp());
            return true;
        }
    }

    /// <summary>The server has answered, or the patch cannot be sent.</summary>
    public void Settle(ReasonCode reason, string? why)
    {
        lock (_gate)
        {
            if (_onItsWay is not { } report || !_sent)
                return;
            (_onItsWay, _sent) = (null, false);
            if (reason < ReasonCode.UnspecifiedError)
                report.Stored.TrySetResult();
            else
                report.Fail(new DeviceException(reason, $"The server refused a report of the device's twin: 0x{(byte)reason:X2} {reason}{(why is null ? "" : $", {why}")}"));
        }

        doorbell.Ring();
    }

    public bool IsOnItsWay
    {
        get
        {
            lock (_gate)
                return _sent;
        }
    }

    public TimeSpan LongestWait()
    {
        lock (_gate)
            return _sent ? clock.GetElapsedTime(_sentAt) : TimeSpan.Zero;
    }

    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            _onItsWay?.Fail(Stopped());
            foreach (var report in _waiting)
                report.Fail(Stopped());
            _waiting.Clear();
            _onItsWay = null;
        }
    }

    private Task? Merge_NeedsGate(string patch)
    {
        if (_waiting.Last?.Value is not { } last || !MergePatch.TryCombine(last.Patch, patch, out var both) || PatchSyntax.FindProblem(Encoding.UTF8.GetBytes(both)) is not null)
            return null;
        last.Patch = both;
        return last.Stored.Task;
    }

    private Task Append_NeedsGate(string patch, bool always)
    {
        if (!always && _waiting.Sum(report => report.Patch.Length) + patch.Length > MaxWaitingBytes)
            throw new DeviceException(DeviceError.Dropped, $"Reports of more than {MaxWaitingBytes} bytes wait for the server already, and this one cannot be merged into them.");
        return _waiting.AddLast(new Report(patch)).Value.Stored.Task;
    }

    private static DeviceException Stopped() => new(DeviceError.Stopped, "The device client was disposed before the server stored this report.");

    private sealed class Report(string patch)
    {
        public string Patch { get; set; } = patch;

        // One for all that were merged: who does not wait costs nothing.
        public TaskCompletionSource Stored { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Fail(DeviceException error)
        {
            Stored.TrySetException(error);
            _ = Stored.Task.Exception;                         // seen: who does not wait is not told by the finalizer either
        }
    }
}
