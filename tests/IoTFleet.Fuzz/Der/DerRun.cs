using System.Globalization;

namespace IoTFleet.Fuzz.Der;

/// <summary>Damaged examples, one after the other, against one reader. Ends with an exception at the first that it does not stand, or that costs it more memory than any request is worth.</summary>
internal sealed class DerRun(DerTarget target, int seed, long from, long cases)
{
    private const long MemoryBound = 4 * 1024 * 1024;

    private long _done;
    private long _taken;

    public long Done => Interlocked.Read(ref _done);

    /// <summary>Cases that were damaged and good all the same: a run without any damages too much to reach far.</summary>
    public long Taken => Interlocked.Read(ref _taken);

    public void Run(int lanes)
    {
        foreach (var good in target.Seeds) target.Read(good);       // what is made once is made before the memory is looked at
        Parallel.ForEach(Numbers(), new ParallelOptions { MaxDegreeOfParallelism = lanes }, One);
    }

    private IEnumerable<long> Numbers()
    {
        for (var number = from; number < from + cases; number++) yield return number;
    }

    private void One(long number)
    {
        var bytes = Make(number);
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            if (target.Read(bytes)) Interlocked.Increment(ref _taken);
        }
        catch (Exception fault)
        {
            throw Failure(number, bytes, fault.ToString());
        }

        var spent = GC.GetAllocatedBytesForCurrentThread() - before;
        if (spent > MemoryBound) throw Failure(number, bytes, string.Create(CultureInfo.InvariantCulture, $"It took {spent:N0} bytes of memory."));
        Interlocked.Increment(ref _done);
    }

    private byte[] Make(long number)
    {
        var dice = new Dice(seed, number);
        var (one, other) = (dice.OneOf<byte[]>(target.Seeds), dice.OneOf<byte[]>(target.Seeds));
        return target.Damage(one, dice, other);
    }

    /// <summary>The seeds hold new keys in each run, so the bytes are what makes it happen again.</summary>
    private InvalidOperationException Failure(long number, byte[] bytes, string what) =>
        new($"{target.Name}, seed {seed}, case {number}: {what}{Environment.NewLine}{Convert.ToHexString(bytes)}");
}
