using System.Text;

namespace IoTFleet.Simulator;

/// <summary>What a made-up device measures: slow random walks, the same for the same device in every run.</summary>
internal static class Signals
{
    /// <summary>An endless series.</summary>
    public static IEnumerable<Measurement> Of(int device, Schedule schedule)
    {
        var random = new Random(device);
        var (temperature, humidity, pressure, battery) = (15 + 10 * random.NextDouble(), 40 + 20 * random.NextDouble(), 1013.25, 100.0);
        for (var number = 0L; ; number++)
        {
            temperature += random.NextDouble() - 0.5;
            humidity = Math.Clamp(humidity + random.NextDouble() - 0.5, 0, 100);
            pressure += 0.2 * (random.NextDouble() - 0.5);
            battery = Math.Max(0, battery - 0.001);
            yield return new Measurement(Body(temperature, humidity, pressure, battery), schedule.DueOf(number), null);
        }
    }

    private static byte[] Body(double temperature, double humidity, double pressure, double battery) => Encoding.UTF8.GetBytes(
        $$"""{"temperature_c":{{temperature:F2}},"humidity_pct":{{humidity:F1}},"pressure_hpa":{{pressure:F2}},"battery_pct":{{battery:F1}}}""");
}
