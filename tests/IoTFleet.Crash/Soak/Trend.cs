namespace IoTFleet.Crash.Soak;

/// <summary>A straight line through what was measured over time.</summary>
/// <param name="PerHour">Its slope.</param>
/// <param name="Margin">Half of the slope's 95 % interval of confidence.</param>
/// <param name="Hours">From the first measurement to the last.</param>
internal sealed record Trend(double PerHour, double Margin, double Hours)
{
    /// <summary>The least that it has surely grown while it was measured.</summary>
    public double Grown => (PerHour - Margin) * Hours;

    /// <summary>Least squares. Measurements that follow each other are not independent, so the margin is rather too narrow: good for finding growth, not for proving that there is none.</summary>
    public static Trend Of(IReadOnlyList<(double Hours, double Value)> points)
    {
        var count = points.Count;
        if (count < 4) return new Trend(0, double.PositiveInfinity, 0);
        var (x, y) = (points.Average(point => point.Hours), points.Average(point => point.Value));
        var spread = points.Sum(point => (point.Hours - x) * (point.Hours - x));
        var slope = points.Sum(point => (point.Hours - x) * (point.Value - y)) / spread;
        var rest = points.Sum(point => Math.Pow(point.Value - y - slope * (point.Hours - x), 2));
        return new Trend(slope, Student(count - 2) * Math.Sqrt(rest / (count - 2) / spread), points[^1].Hours - points[0].Hours);
    }

    // Student's quantile for 95 % by its expansion around the normal one; for 2 degrees it is 4.3 and this says 4.1.
    private static double Student(int degrees)
    {
        const double z = 1.959964;
        var (first, second) = ((Math.Pow(z, 3) + z) / 4, (5 * Math.Pow(z, 5) + 16 * Math.Pow(z, 3) + 3 * z) / 96);
        var third = (3 * Math.Pow(z, 7) + 19 * Math.Pow(z, 5) + 17 * Math.Pow(z, 3) - 15 * z) / 384;
        return z + first / degrees + second / Math.Pow(degrees, 2) + third / Math.Pow(degrees, 3);
    }
}
