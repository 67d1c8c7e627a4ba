using IoTFleet.Device.Tests.Support;

namespace IoTFleet.Device.Tests;

/// <summary>An outbox on a file system that is really full.</summary>
public sealed class FullDiskTests
{
    [Fact]
    public async Task An_outbox_that_has_filled_the_disk_says_so_sends_what_it_holds_and_has_room_again_by_itself()
    {
        using var disk = SmallDisk.Mount(256);
        var options = new OutboxOptions { Folder = Path.Combine(disk.Path, "outbox"), MaxBytes = 512 * 1024 };
        await using (var before = new OutboxRig(options))
        {
            var held = await FillAsync(before);
            Assert.Equal(held[..100], await before.DeliverAsync(100));
            await before.AddAsync("room");
            Assert.Equal(held[100..150], await before.DeliverAsync(50));
            Assert.Single(before.Troubles);                    // told once, and not for each message
            await before.DisposeAsync();

            await using var after = new OutboxRig(options);
            Assert.Equal([.. held[150..], "room"], await after.DeliverAsync(held.Count - 150 + 1));
        }
    }

    [Fact]
    public async Task An_outbox_on_a_disk_that_somebody_else_has_filled_loses_nothing_and_works_when_there_is_room()
    {
        using var disk = SmallDisk.Mount(256);
        var options = new OutboxOptions { Folder = Path.Combine(disk.Path, "outbox") };
        await using (var before = new OutboxRig(options))
        {
            for (var n = 0; n < 100; n++)
                await before.AddAsync($"{n}");
            var others = disk.Fill();
            await RefuseAsync(before);
            Assert.Equal(Enumerable.Range(0, 90).Select(n => $"{n}"), await before.DeliverAsync(90));

            File.Delete(others);
            await before.AddAsync("room");
            await before.DisposeAsync();
        }

        await using var after = new OutboxRig(options);
        Assert.Equal([.. Enumerable.Range(90, 10).Select(n => $"{n}"), "room"], after.Take());
    }

    private static async Task<List<string>> FillAsync(OutboxRig rig)
    {
        var held = new List<string>();
        try
        {
            while (true)
            {
                var text = $"{held.Count}-{new string('x', 1000)}";
                await rig.AddAsync(text);
                held.Add(text);
            }
        }
        catch (DeviceException full)
        {
            Assert.Equal(DeviceError.OutboxFailed, full.Error);
            Assert.Contains("No space left", full.Message);
            return held;
        }
    }

    // What still fits into the last block of a file is taken.
    private static async Task RefuseAsync(OutboxRig rig)
    {
        var full = await Assert.ThrowsAsync<DeviceException>(() => rig.AddAsync(new string('x', 5000)));
        Assert.Equal(DeviceError.OutboxFailed, full.Error);
    }
}
