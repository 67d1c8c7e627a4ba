using System.Text;

namespace IoTFleet.Fleet.Enrolment.Import;

/// <summary>One line of comma-separated values (RFC 4180 without line breaks inside quotes).</summary>
internal static class CsvLine
{
    /// <returns>Null when its quotes do not match.</returns>
    public static List<string>? TryRead(string line)
    {
        var fields = new List<string>();
        var at = 0;
        while (true)
        {
            if (ReadField(line, ref at) is not { } field) return null;
            fields.Add(field);
            if (at >= line.Length) return fields;
            if (line[at++] != ',') return null;
        }
    }

    private static string? ReadField(string line, ref int at)
    {
        if (at >= line.Length || line[at] != '"')
        {
            var end = line.IndexOf(',', at);
            var plain = end < 0 ? line[at..] : line[at..end];
            at += plain.Length;
            return plain.Contains('"', StringComparison.Ordinal) ? null : plain.Trim();
        }
        return ReadQuoted(line, ref at);
    }

    private static string? ReadQuoted(string line, ref int at)
    {
        var text = new StringBuilder();
        for (at++; at < line.Length; at++)
        {
            if (line[at] != '"') text.Append(line[at]);
            else if (at + 1 < line.Length && line[at + 1] == '"') text.Append(line[at++]);
            else
            {
                at++;
                return text.ToString();
            }
        }
        return null;
    }
}
