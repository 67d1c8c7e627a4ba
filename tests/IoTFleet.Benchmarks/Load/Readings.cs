using System.Globalization;
using System.Text;

namespace IoTFleet.Benchmarks.Load;

/// <summary>What devices send: a number of their own, and metrics, filled up to a length.</summary>
internal static class Readings
{
    public static string Of(int metrics, int bytes)
    {
        var json = new StringBuilder("{\"seq\":" + LoadClient.NumberDigits);
        for (var i = 0; i < metrics; i++) json.Append(CultureInfo.InvariantCulture, $",\"m{i}\":{20 + i}.5");
        json.Append(",\"note\":\"").Append('x', Math.Max(0, bytes - json.Length - 11)).Append("\"}");
        return json.ToString();
    }
}
