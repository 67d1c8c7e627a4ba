using System.Globalization;
using IoTFleet.Pki;

namespace IoTFleet.Cli.Commands;

/// <summary>A file with a revoked authority a line: <c>serial [reason] [time]</c>; what follows a # is a remark.</summary>
internal static class RevokedAuthorities
{
    /// <exception cref="UsageException">A line cannot be read; the message names it.</exception>
    public static IReadOnlyList<RevokedCertificate> Read(string file) =>
    [
        .. ClaimCommands.ReadFile(file).Split('\n')
            .Select((line, at) => (Words: line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), At: at + 1))
            .Where(line => line.Words.Length > 0)
            .Select(line => Entry(line.Words) ?? throw new UsageException($"{file}, line {line.At}: must be a serial number in hex, a reason such as keyCompromise, and a time such as 2026-12-01T08:00Z; the last two may be left out.")),
    ];

    private static RevokedCertificate? Entry(string[] words)
    {
        var serial = words[0].Replace(":", "", StringComparison.Ordinal);
        var reason = RevocationReason.Unspecified;
        var at = TimeProvider.System.GetUtcNow();
        if (words.Length > 3 || serial.Length % 2 != 0 || !serial.All(char.IsAsciiHexDigit)) return null;
        if (words.Length > 1 && (!Enum.TryParse(words[1], ignoreCase: true, out reason) || !Enum.IsDefined(reason))) return null;
        if (words.Length > 2 && !DateTimeOffset.TryParse(words[2], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out at)) return null;
        return new RevokedCertificate(SerialNumber.Parse(serial), at, reason);
    }
}
