namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>How many single values one question may hold; beyond, all of its quantiles go on as sketches.</summary>
internal sealed class QuantileBudget(int values)
{
    private int _left = values;

    /// <summary>Some quantile of the question is not exact.</summary>
    internal bool IsSketched { get; set; }

    internal bool TryTake()
    {
        if (_left == 0) IsSketched = true;
        return !IsSketched && _left-- > 0;
    }
}

/// <summary>A bucket's quantiles: exact while its values are held one by one, otherwise by a sketch.</summary>
internal sealed class Quantiles(QuantileBudget budget)
{
    private List<double>? _values = [];
    private QuantileSketch? _sketch;
    private bool _sorted;

    internal void Add(double value)
    {
        if (_values is null || !budget.TryTake())
        {
            Sketch().Add(value);
            return;
        }
        _values.Add(value);
        _sorted = false;
    }

    /// <summary>What it held one by one goes over into the sketch.</summary>
    internal QuantileSketch Sketch()
    {
        budget.IsSketched = true;
        _sketch ??= new QuantileSketch();
        foreach (var value in _values ?? []) _sketch.Add(value);
        _values = null;
        return _sketch;
    }

    /// <summary>By the nearest rank: a value that was there, and not one between two.</summary>
    internal double At(double quantile)
    {
        if (_values is null) return _sketch!.At(quantile);
        if (!_sorted) _values.Sort();
        _sorted = true;
        return _values[(int)RankOf(quantile, _values.Count) - 1];
    }

    internal static long RankOf(double quantile, long count) => Math.Clamp((long)Math.Ceiling(quantile * count), 1, count);
}
