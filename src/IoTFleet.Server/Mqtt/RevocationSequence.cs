using System.Globalization;
using IoTFleet.Fleet.Certificates;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// The newest revocation that this node has put into force, in a file of its own: what a database restored from an older copy would forget.
/// Losing the file costs the comparison and nothing else, so it is not flushed to the disk each time.
/// </summary>
internal sealed class RevocationSequence(DataFolder data)
{
    private RevocationMark? _written;

    /// <summary>Null when there is none yet, or none that can be read.</summary>
    public RevocationMark? Read()
    {
        if (!File.Exists(data.RevocationSequence)) return null;
        var parts = File.ReadAllText(data.RevocationSequence).Split(' ', StringSplitOptions.TrimEntries);
        return parts.Length == 2 && long.TryParse(parts[0], CultureInfo.InvariantCulture, out var id) && long.TryParse(parts[1], CultureInfo.InvariantCulture, out var at)
            ? new RevocationMark(id, Fleet.EpochTime.FromMicroseconds(at))
            : null;
    }

    public void Write(RevocationMark mark)
    {
        if (_written == mark) return;
        var text = string.Create(CultureInfo.InvariantCulture, $"{mark.Id} {Fleet.EpochTime.ToMicroseconds(mark.At)}\n");
        File.WriteAllText(data.RevocationSequence + ".new", text);
        File.Move(data.RevocationSequence + ".new", data.RevocationSequence, overwrite: true);
        _written = mark;
    }
}
