namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>Hours and days since 1970 as rollups are kept by, rounded down also before it.</summary>
internal static class Hours
{
    internal const long MinuteUs = 60_000_000;
    internal const long HourUs = 60 * MinuteUs;
    internal const int PerDay = 24;

    internal static int Of(long timeUs) => (int)Math.Clamp(Floor(timeUs, HourUs) / HourUs, int.MinValue, int.MaxValue);

    internal static long StartOf(int hour) => hour * HourUs;

    internal static int DayOf(int hour) => (int)Math.Floor(hour / (double)PerDay);

    internal static int InDay(int hour) => hour - DayOf(hour) * PerDay;

    internal static long Floor(long timeUs, long unit) => timeUs - Mod(timeUs, unit);

    internal static long Ceiling(long timeUs, long unit) => Mod(timeUs, unit) is var rest and not 0 ? timeUs - rest + unit : timeUs;

    private static long Mod(long value, long unit) => (value % unit + unit) % unit;
}
