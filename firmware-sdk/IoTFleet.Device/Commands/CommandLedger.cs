using IoTFleet.Device.Telemetry.Disk;

namespace IoTFleet.Device.Commands;

/// <summary>
/// Which commands were begun and what was answered, so that each is run once and answered once, whatever comes again. With a folder it knows that after a restart and a
/// power cut, too: "begun" is on the disk before the application sees the command, and the answer before it is sent.
/// </summary>
internal sealed class CommandLedger : IAsyncDisposable
{
    private static readonly CommandAnswer Interrupted = CommandAnswer.WithText(500, "Interrupted: the device restarted after it had begun with the command.");

    private readonly SemaphoreSlim _turn = new(1, 1);          // one after the other, over the writing to disk
    private readonly Dictionary<string, CommandRow> _rows = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ofThisRun = new(StringComparer.Ordinal);
    private readonly CommandFiles? _files;
    private readonly AnswerQueue _answers;
    private readonly CommandOptions _options;
    private readonly Action<DeviceException>? _trouble;
    private readonly int _maxRows;                             // more than a server keeps open for a device, several times over; a constrained one hopes for fewer
    private readonly long _maxAnswerBytes;
    private long _lastOrder;
    private long _answerBytes;
    private bool _isClosed;

    public CommandLedger(CommandFiles? files, AnswerQueue answers, DeviceOptions options)
    {
        (_files, _answers, _options, _trouble) = (files, answers, options.Commands, options.TroubleMet);
        (_maxRows, _maxAnswerBytes) = options.Constrained ? (128, 128 * 1024) : (512, 1024 * 1024);
        foreach (var row in files?.Found ?? [])
        {
            _rows[row.Id] = row;
            _lastOrder = row.Order;
            _answerBytes += row.Answer.Length;
            if (row.Kind == RecordKind.CommandAnswered)
                answers.Add(row.Id, row.Answer);
        }
    }

    /// <summary>True when the application is to have the command; what it has had before is answered again from here, if there is an answer.</summary>
    public async Task<bool> BeginAsync(string id, string name)
    {
        await _turn.WaitAsync();
        try
        {
            var isKnown = _rows.TryGetValue(id, out var row);
            if (isKnown && row!.Kind != RecordKind.CommandBegun)
            {
                _answers.Add(id, row.Answer);
                return false;
            }

            if (isKnown && _ofThisRun.Contains(id))
                return false;                                  // it is at work
            if (isKnown && _options.MayRunAgain?.Invoke(name) != true)
            {
                Answer(row!, Interrupted.ToWire());
                return false;
            }

            _ofThisRun.Add(id);
            Keep(new CommandRow(++_lastOrder, id, RecordKind.CommandBegun, default));
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <returns>False when it has an answer already.</returns>
    public async Task<bool> AnswerAsync(string id, byte[] answer)
    {
        await _turn.WaitAsync();
        try
        {
            if (!_rows.TryGetValue(id, out var row) || row.Kind != RecordKind.CommandBegun)
                return false;
            Answer(row, answer);
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Nobody is at work with it any more: it is as one that a restart has cut.</summary>
    public async Task AbandonAsync(string id)
    {
        await _turn.WaitAsync();
        _ofThisRun.Remove(id);
        _turn.Release();
    }

    /// <summary>The server has it, or will never take it.</summary>
    public async Task StoredAsync(string id)
    {
        await _turn.WaitAsync();
        try
        {
            if (_rows.TryGetValue(id, out var row) && row.Kind == RecordKind.CommandAnswered)
                Keep(row with { Kind = RecordKind.AnswerStored });
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        _isClosed = true;                                      // an application may still answer: the next start says that it was interrupted
        _files?.Dispose();
        _turn.Release();
    }

    private void Answer(CommandRow row, byte[] answer)
    {
        _ofThisRun.Remove(row.Id);
        Keep(row with { Kind = RecordKind.CommandAnswered, Answer = answer });
        _answers.Add(row.Id, answer);
    }

    private void Keep(CommandRow row)
    {
        _answerBytes += row.Answer.Length - (_rows.TryGetValue(row.Id, out var before) ? before.Answer.Length : 0);
        _rows[row.Id] = row;
        while (_rows.Count > _maxRows || _answerBytes > _maxAnswerBytes)
            Forget(row);
        if (_files is null || _isClosed)
            return;
        try
        {
            if (_files.IsDue)
                _files.Rewrite(_rows.Values.OrderBy(one => one.Order));
            else
                _files.Append(row.Kind == RecordKind.AnswerStored ? row with { Answer = default } : row);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A full disk must not keep an operator from sending the command that makes room. Until it takes something again, a power cut forgets.
            _trouble?.Invoke(new DeviceException(DeviceError.CommandFailed, $"Command {row.Id} cannot be written down: {error.Message}. A restart may run it again.", error));
        }
    }

    // What the server has first, then what nobody has answered, the oldest each time.
    private void Forget(CommandRow newest)
    {
        var old = _rows.Values.Where(row => row.Id != newest.Id).MinBy(row => (row.Kind switch { RecordKind.AnswerStored => 0, RecordKind.CommandBegun => 1, _ => 2 }, row.Order));
        if (old is null)
        {
            _answerBytes = newest.Answer.Length;
            return;
        }

        _rows.Remove(old.Id);
        _ofThisRun.Remove(old.Id);
        _answerBytes -= old.Answer.Length;
    }
}
