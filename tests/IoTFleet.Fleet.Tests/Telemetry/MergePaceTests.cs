using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Tests.Telemetry;

public sealed class MergePaceTests
{
    private readonly MergePace _pace = new();

    [Fact]
    public void A_disk_that_takes_rows_at_a_steady_pace_gets_as_many_as_fit_into_the_aim()
    {
        for (var i = 0; i < 20; i++) _pace.After(_pace.Rows, _pace.Rows * TimeSpan.FromMicroseconds(6));

        Assert.InRange(_pace.Rows, 2_490, 2_500);
    }

    [Fact]
    public void A_disk_that_hangs_makes_slices_small_and_rests_that_end()
    {
        for (var i = 0; i < 20; i++) Assert.Equal(MergePace.LongestRest, _pace.After(_pace.Rows, TimeSpan.FromSeconds(5)));

        Assert.Equal(200, _pace.Rows);
    }

    [Fact]
    public void A_fast_disk_gets_large_slices_and_hardly_rests()
    {
        for (var i = 0; i < 20; i++) _pace.After(_pace.Rows, TimeSpan.FromMilliseconds(1));

        Assert.Equal(MergePace.MostRows, _pace.Rows);
        Assert.Equal(TimeSpan.FromMilliseconds(3), _pace.After(MergePace.MostRows, TimeSpan.FromMilliseconds(1)));
    }
}
