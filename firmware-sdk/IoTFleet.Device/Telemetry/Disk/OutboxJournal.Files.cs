namespace IoTFleet.Device.Telemetry.Disk;

// The files: which one is written, what becomes of one that cannot be, and which may go.
internal sealed partial class OutboxJournal
{
    private Segment BeginWrite()
    {
        _writingAt = null;
        var segment = Active();
        _writingAt = segment.Length;
        _buffer.ResetWrittenCount();
        return segment;
    }

    private Segment Active()
    {
        if (_active is { } active && active.Length < _segmentBytes)
            return active;
        _abandoned?.CutTo(_abandonedAt);                       // and flushes it
        _abandoned = null;
        Flush();                                               // what comes later never survives without what came before
        var segment = Begin(_folder.Segments.Count == 0 ? 1 : _folder.Segments[^1].Number + 1);
        lock (_files)
        {
            _folder.Segments.Add(segment);
            return _active = segment;
        }
    }

    private Segment Begin(long number)
    {
        var segment = Segment.Create(_folder.Path, number);
        try
        {
            _buffer.ResetWrittenCount();
            RecordFormat.WriteHead(_buffer, number, _device, _lastGiven + 1);
            segment.Append(_buffer.WrittenSpan);
            segment.Flush();
            return segment;
        }
        catch (IOException)
        {
            segment.Delete();                                  // a full disk gets no file more for each attempt
            throw;
        }
    }

    // A full disk may have room when those files are gone of which nothing is held any more. It need not be told that first.
    private bool MakesRoom(List<JournalEntry> batch)
    {
        Abandon();
        Discount(batch);
        var files = _folder.Segments.Count;
        Tell(Tried(DeleteDone));
        return _folder.Segments.Count < files;
    }

    // A message of a failed write was never held. What was settled must be written in the end, unless its file has gone.
    private void GiveUp(List<JournalEntry> batch, DeviceException failure)
    {
        Abandon();
        if (!_isFailing)
            Tell(failure);
        _isFailing = true;
        var settled = batch.Where(entry => entry.Kind == RecordKind.Settled).ToList();
        var owed = settled.Where(entry => entry.Message.Place is { } place && _folder.Segments.Contains(place.Segment)).ToList();
        Interlocked.Add(ref _unflushed, owed.Count - settled.Count);
        _owed.AddRange(owed);
    }

    // How far it was written is not known: nothing more is written to it, and what the failed write has left is cut off before there is another file.
    private void Abandon()
    {
        lock (_files)
        {
            if (_active is { } broken)
                (_abandoned, _abandonedAt) = (broken, _writingAt ?? broken.Length);
            (_active, _dirty) = (null, false);
        }
    }

    private static void Discount(List<JournalEntry> batch)
    {
        foreach (var message in batch.Where(entry => entry.Kind == RecordKind.Settled).Select(entry => entry.Message))
        {
            if (message is { Place: { } place, IsDiscounted: false })
                place.Segment.Live--;
            message.IsDiscounted = message.Place is not null;
        }
    }

    private void FlushIfDue(List<JournalEntry> batch)
    {
        lock (_files)
            (_dirty, _settledSinceFlush) = (true, _settledSinceFlush + batch.Count(entry => entry.Kind == RecordKind.Settled));
        if (_options.FlushWithin == Timeout.InfiniteTimeSpan)
            return;
        var isDue = _settledSinceFlush >= SettledWithoutFlush || batch.Any(entry => entry.Kind == RecordKind.Mark)
            || (_options.FlushWithin == TimeSpan.Zero && batch.Any(entry => entry.Kind == RecordKind.Message));
        if (isDue)
            Flush();
        else if (_options.FlushWithin > TimeSpan.Zero && Interlocked.Exchange(ref _flushIsSet, 1) == 0)
            _flushSoon.Change(_options.FlushWithin, Timeout.InfiniteTimeSpan);
    }

    private void Flush()
    {
        Flushing();
        lock (_files)
        {
            if (_abandoned is not null)
                return;                                        // flushed when it is cut
            if (_dirty)
                _active?.Flush();
            Interlocked.Add(ref _unflushed, -_settledSinceFlush);
            (_dirty, _settledSinceFlush) = (false, 0);
        }
    }

    private void MakeFilesFew()
    {
        if (_folder.Segments.Sum(segment => segment.Length) > _options.MaxBytes * 3 / 2)
            MoveForward(_folder.Segments[0]);
        DeleteDone();
    }

    // Not the last one, which knows the last number.
    private void DeleteDone()
    {
        while (_folder.Segments is [{ Live: 0 } done, _, ..] && done != _active)
        {
            lock (_files)
            {
                _folder.Segments.RemoveAt(0);
                if (_abandoned == done)
                    _abandoned = null;
            }

            done.Delete();
        }
    }

    // A message that waits behind others for long would keep its segment, and so every later one. It is written again at the end, where it would be now.
    private void MoveForward(Segment oldest)
    {
        if (oldest == _active || oldest.Live == 0)
            return;
        var segment = BeginWrite();
        var places = new List<(OutboxMessage Message, Place Place)>();
        foreach (var message in _heldIn(oldest))
        {
            if (!TryRead(message, out var payload))
                continue;                                      // whoever is to send it finds out, and says so
            Encode(message, payload.Span, segment, places);
            if (message.MayOvertake == MayOvertake.Yes)
                RecordFormat.WriteWord(_buffer, segment.Number, RecordKind.Mark, message.Sequence);
        }

        segment.Append(_buffer.WrittenSpan);
        lock (_files)
            _dirty = true;
        Flush();
        Put(places);
    }
}
