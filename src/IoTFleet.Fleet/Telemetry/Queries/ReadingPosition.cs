using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>Where a page of readings ended, written as <c>microseconds-id</c>.</summary>
internal sealed record ReadingPosition(long TimeUs, long Id)
{
    internal static ReadingPosition Of(StoredReading row) => new(row.TimeUs, row.Id);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{TimeUs}-{Id}");

    internal static bool TryParse(string text, [NotNullWhen(true)] out ReadingPosition? position)
    {
        position = null;
        var dash = text.LastIndexOf('-');
        if (dash <= 0 || !TryParseNumber(text.AsSpan(0, dash), out var time) || !TryParseNumber(text.AsSpan(dash + 1), out var id)) return false;
        position = new ReadingPosition(time, id);
        return true;
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, out long number) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
}
