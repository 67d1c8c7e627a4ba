namespace IoTFleet.Fuzz;

/// <summary>Random numbers that are the same for the same case on every machine and every runtime (SplitMix64).</summary>
internal sealed class Dice(int seed, long number)
{
    private ulong _state = (ulong)seed * 0x9E3779B97F4A7C15 ^ (ulong)number * 0xD1B54A32D192ED03;

    public ulong Next()
    {
        var mixed = _state += 0x9E3779B97F4A7C15;
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
        return mixed ^ mixed >> 31;
    }

    public int Below(int limit) => (int)((Next() >> 32) * (ulong)limit >> 32);

    public int From(int least, int most) => least + Below(most - least + 1);

    public bool OneIn(int times) => Below(times) == 0;

    public byte Byte() => (byte)Next();

    public T OneOf<T>(ReadOnlySpan<T> choices) => choices[Below(choices.Length)];
}
