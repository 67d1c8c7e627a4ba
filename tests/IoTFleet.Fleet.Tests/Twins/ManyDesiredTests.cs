using System.Text;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Twins;

namespace IoTFleet.Fleet.Tests.Twins;

public class ManyDesiredTests
{
    [Fact]
    public async Task Many_are_counted_first_and_changed_when_the_number_is_confirmed()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1", "pump-2", "valve-1");

        var counted = Assert.IsType<ChangeManyDesiredResult.Counted>(await ChangeAsync(fleet, dryRun: true));
        Assert.Equal((2, "pump-1"), (counted.Count, counted.Sample[0]));
        Assert.Equal(new ChangeManyDesiredResult.CountMismatch(2, 3), await ChangeAsync(fleet, confirm: 3));
        Assert.Empty(await fleet.NotInSyncAsync());

        var done = Assert.IsType<ChangeManyDesiredResult.Done>(await ChangeAsync(fleet, confirm: 2));

        Assert.Equal(["pump-1", "pump-2"], done.Changed);
        Assert.Equal(["pump-1", "pump-2"], await fleet.NotInSyncAsync());
    }

    [Fact]
    public async Task Of_many_the_one_whose_document_gets_too_large_is_named_and_the_others_are_changed()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1", "pump-2");
        await fleet.ChangedAsync("pump-1", $$"""{"big":"{{new string('x', TwinPatch.MaxBytes - 20)}}"}""");

        var done = Assert.IsType<ChangeManyDesiredResult.Done>(await ChangeAsync(fleet, confirm: 2));

        Assert.Equal(["pump-2"], done.Changed);
        Assert.Equal(["pump-1"], done.Refused);
    }

    [Fact]
    public async Task Nobody_in_particular_and_nobody_there_is_nobody()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        TwinPatch.TryRead("{}"u8.ToArray(), out var patch, out _);

        Assert.IsType<ChangeManyDesiredResult.Invalid>(await fleet.Fleet.Get<ChangeManyDesired>().RunAsync(TestFleet.Admin, new(new RevocationTarget(), patch!), default));
        Assert.IsType<ChangeManyDesiredResult.Invalid>(await ChangeAsync(fleet, confirm: 2));     // pump-2 is not there
    }

    private static Task<ChangeManyDesiredResult> ChangeAsync(TwinFleet fleet, bool dryRun = false, int? confirm = null)
    {
        Assert.True(TwinPatch.TryRead(Encoding.UTF8.GetBytes("""{"interval":60}"""), out var patch, out _));
        var target = new RevocationTarget { Ids = ["pump-1", "pump-2"] };
        return fleet.Fleet.Get<ChangeManyDesired>().RunAsync(TestFleet.Admin, new(target, patch, dryRun, confirm), default);
    }
}
