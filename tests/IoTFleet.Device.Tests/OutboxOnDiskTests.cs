using System.Globalization;
using IoTFleet.Device.Telemetry;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>Messages that outlive a restart and a power cut. A power cut is a copy of the folder, taken while it is in use and perhaps cut off.</summary>
public sealed class OutboxOnDiskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private OutboxOptions Options => new() { Folder = _folder.File("outbox") };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_is_held_is_sent_after_a_restart_in_order_with_the_same_numbers()
    {
        List<long> numbers;
        await using (var before = new OutboxRig(Options))
        {
            await before.AddAllAsync("1", "2", "3");
            numbers = [.. before.TakeMessages().Select(message => message.Sequence)];
        }

        await using var after = new OutboxRig(Options);
        await after.AddAsync("4");
        var sent = after.TakeMessages();

        Assert.Equal(["1", "2", "3", "4"], sent.Select(after.Text));
        Assert.Equal(numbers, sent.Take(3).Select(message => message.Sequence));
        Assert.True(sent[3].Sequence > numbers[2]);
    }

    [Fact]
    public async Task What_was_settled_or_dropped_is_not_sent_after_a_restart()
    {
        var options = Options with { Streams = new Dictionary<string, StreamPolicy> { ["trend"] = new() { MaxMessages = 1, WhenFull = WhenFull.DropOldest } } };
        await using (var before = new OutboxRig(options))
        {
            await before.AddAllAsync("1", "2", "3");
            await before.DeliverAsync(2);
            await before.AddAsync("dropped", "trend");
            await before.AddAsync("kept", "trend");
        }

        await using var after = new OutboxRig(options);
        Assert.Equal(["3", "kept"], after.Take());
        Assert.Equal((2, 1 + 4 + 2 * OutboxMessage.Overhead), (after.Outbox.Status.Messages, after.Outbox.Status.Bytes));
    }

    [Fact]
    public async Task One_large_message_does_not_keep_its_memory()
    {
        await using var rig = new OutboxRig(Options);
        await rig.AddAsync(new string('x', 1024 * 1024));
        await rig.AddAsync("small");                           // written after it, so what it left has been put away

        Assert.True(rig.JournalBufferBytes <= 16 * 1024, $"{rig.JournalBufferBytes} bytes are kept");
    }

    [Fact]
    public async Task Waiting_ends_with_a_word_that_the_message_is_kept()
    {
        var before = new OutboxRig(Options);
        var message = await before.AddAsync("1");
        await before.DisposeAsync();

        var error = await Assert.ThrowsAsync<DeviceException>(() => message.Settled);
        Assert.Equal(DeviceError.Stopped, error.Error);
        Assert.Contains("kept on the disk", error.Message);
    }

    [Fact]
    public async Task A_power_cut_at_any_byte_loses_nothing_that_was_held()
    {
        var heldAt = new List<(long Length, string Text)>();
        await using var before = new OutboxRig(Options);
        for (var n = 0; n < 8; n++)
        {
            await before.AddAsync($"{n}", n % 2 == 0 ? null : "stream");
            heldAt.Add((Length(), $"{n}"));
            if (n == 4)
                await before.DeliverAsync(3);
        }

        for (long cut = 0; cut <= Length(); cut++)
        {
            await using var after = new OutboxRig(Options with { Folder = PowerCut(cut) });
            var sent = after.Take();
            var held = heldAt.Where(one => one.Length <= cut).Select(one => one.Text).ToList();
            Assert.Empty(held.Except(sent).Except(["0", "1", "2"]));   // three were stored, and nothing else is missing
            Assert.Equal(sent.Order(), sent);
            Assert.InRange(sent.Count, held.Count - 3, 8);
        }
    }

    [Fact]
    public async Task What_may_have_passed_older_messages_is_first_after_a_power_cut()
    {
        var options = Options with { Streams = new Dictionary<string, StreamPolicy> { ["alarm"] = new() { Priority = 9 } } };
        await using var before = new OutboxRig(options, maxInFlight: 1);
        for (var n = 0; n < 100; n++)
            await before.AddAsync($"trend {n}");
        var alarms = new List<OutboxMessage>();
        for (var n = 0; n < 3; n++)
            alarms.Add(await before.AddAsync($"alarm {n}", "alarm"));
        Assert.Equal("trend 0", Assert.Single(before.Take(window: 1)));    // passes while the disk is told of the alarms
        await Eventually.TrueAsync(() => Task.FromResult(alarms.All(alarm => alarm.MayOvertake == MayOvertake.Yes)));
        Assert.Equal("alarm 0", Assert.Single(before.Take(window: 2)));

        await using var after = new OutboxRig(options with { Folder = PowerCut() }, maxInFlight: 1);
        await after.AddAsync("alarm 9", "alarm");

        var sent = after.Take(window: 40);
        Assert.Equal(Enumerable.Range(0, 33).Select(n => $"trend {n}").Concat(["alarm 0", "alarm 1", "alarm 2"]), sent.Take(36));
        Assert.DoesNotContain("alarm 9", sent.Take(36));
    }

    [Fact]
    public async Task Numbers_rise_when_the_clock_begins_in_1970_at_each_start()
    {
        long last = 0;
        for (var start = 0; start < 3; start++)
        {
            await using var rig = new OutboxRig(Options, new FakeClock(DateTimeOffset.UnixEpoch));
            var message = await rig.AddAsync("x");
            Assert.True(message.Sequence > last);
            last = message.Sequence;
            await rig.DeliverAsync(1);
        }
    }

    [Fact]
    public async Task Files_go_when_what_they_hold_is_stored()
    {
        await using var rig = new OutboxRig(Options with { MaxBytes = 64 * 1024 });
        for (var n = 0; n < 200; n++)
        {
            await rig.AddAsync(new string('x', 1000));
            await rig.DeliverAsync(1);
        }

        Assert.InRange(Length(), 1, 3 * 8 * 1024);
    }

    [Fact]
    public async Task A_message_that_waits_for_long_does_not_keep_the_files_of_all_that_came_after_it()
    {
        var options = Options with { MaxBytes = 64 * 1024, Streams = new Dictionary<string, StreamPolicy> { ["alarm"] = new() { Priority = 9 } } };
        await using (var before = new OutboxRig(options))
        {
            await before.AddAsync("patient");
            await before.AddAsync("patient too");
            before.Take(window: 1);
            for (var n = 0; n < 500; n++)
            {
                await before.AddAsync(new string('x', 1000), "alarm");
                await TakeUntilAsync(before, new string('x', 1000), settle: true);
            }

            Assert.InRange(Length(), 1, 2 * 64 * 1024);
        }

        await using var after = new OutboxRig(options);
        Assert.Equal(["patient", "patient too"], after.Take());
    }

    [Fact]
    public async Task A_backlog_larger_than_what_is_kept_in_memory_is_read_back()
    {
        var texts = Enumerable.Range(0, 100).Select(n => new string((char)('a' + n % 26), 10_000)).ToArray();
        await using var rig = new OutboxRig(Options);
        await rig.AddAllAsync(texts);

        Assert.Equal(texts, await rig.DeliverAsync(100));
    }

    [Fact]
    public async Task The_folder_of_another_device_is_refused()
    {
        await using (var other = new OutboxRig(Options, device: "pump-8"))
            await other.AddAsync("1");

        var error = Assert.Throws<DeviceException>(() => new OutboxRig(Options));
        Assert.Equal(DeviceError.OutboxFailed, error.Error);
        Assert.Contains("device pump-8", error.Message);
    }

    [Fact]
    public async Task A_folder_in_use_is_refused_and_free_afterwards()
    {
        await using (new OutboxRig(Options))
            Assert.Contains("in use", Assert.Throws<DeviceException>(() => new OutboxRig(Options)).Message);

        await using var after = new OutboxRig(Options);
        await after.AddAsync("1");
    }

    [Theory]
    [InlineData(32)]
    [InlineData(1024)]
    public async Task Damage_costs_the_message_that_it_hit_and_somebody_hears_how_much_is_lost(int kibibytes)
    {
        var options = Options with { MaxBytes = kibibytes * 1024 };        // in an older file, or in the one that was written last
        await using (var before = new OutboxRig(options))
        {
            for (var n = 0; n < 9; n++)
                await before.AddAsync(new string((char)('0' + n), 1000));
        }

        var first = Directory.GetFiles(Options.Folder!, "*.log").Order().First();
        var bytes = File.ReadAllBytes(first);
        bytes[2500] ^= 1;                                      // in the third message
        File.WriteAllBytes(first, [.. bytes, .. kibibytes == 1024 ? bytes[100..200] : []]);
        await using var after = new OutboxRig(options);

        Assert.Contains("damaged from byte 2077 on: 1027 bytes are lost", Assert.Single(after.Troubles).Message);
        Assert.Equal(['0', '1', '3', '4', '5', '6', '7', '8'], after.Take().Select(text => text[0]));
    }

    [Theory]
    [InlineData(0, 52)]
    [InlineData(-1, 200)]
    public async Task While_the_disk_flushes_no_more_is_sent_than_a_power_cut_may_bring_back_unless_flushes_are_not_wanted(int flushWithin, int sent)
    {
        var options = Options with { FlushWithin = flushWithin < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.Zero };
        using var disk = new ManualResetEventSlim();
        await using var before = new OutboxRig(options);
        for (var n = 0; n < 200; n++)
            await before.AddAsync($"{n}");
        before.Flushing(disk.Wait);
        var delivered = new List<string>();
        while (before.Outbox.TryTake(20, out var message))
        {
            delivered.Add(before.Text(message));
            before.Settle(message);
        }

        Assert.Equal(sent, delivered.Count);
        var cut = PowerCut();
        disk.Set();
        Assert.Equal(Enumerable.Range(sent, 200 - sent).Select(n => $"{n}"), await before.DeliverAsync(200 - sent));
        await using var after = new OutboxRig(options with { Folder = cut });
        Assert.InRange(after.Take().Intersect(delivered).Count(), 0, 52);
    }

    [Fact]
    public async Task A_disk_that_takes_nothing_fails_the_publisher_and_nobody_else()
    {
        await using var rig = new OutboxRig(Options with { MaxBytes = 32 * 1024 });
        await rig.AddAsync(new string('1', 5000));
        Directory.Move(Options.Folder!, Options.Folder! + ".away");         // the first file is full, and there is no place for another

        var error = await Assert.ThrowsAsync<DeviceException>(() => rig.AddAsync("2"));
        Assert.Equal(DeviceError.OutboxFailed, error.Error);
        Assert.Equal([new string('1', 5000)], await rig.DeliverAsync(1));
        Directory.Move(Options.Folder! + ".away", Options.Folder!);
        await rig.AddAsync("3");
        await rig.DisposeAsync();

        await using var after = new OutboxRig(Options);
        Assert.Equal(["3"], after.Take());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task Without_a_flush_for_each_message_the_end_of_the_process_loses_nothing_either(int seconds)
    {
        var options = Options with { FlushWithin = seconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds) };
        await using var before = new OutboxRig(options);
        await before.AddAllAsync("1", "2");
        before.Clock.Advance(TimeSpan.FromSeconds(2));
        await before.AddAsync("3");

        await using var after = new OutboxRig(options with { Folder = PowerCut() });
        Assert.Equal(["1", "2", "3"], after.Take());
        Assert.Empty(before.Troubles);
    }

    [Fact]
    public async Task Files_are_for_their_owner_only()
    {
        await using var rig = new OutboxRig(Options);
        await rig.AddAsync("secret");

        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes; folders there inherit their owner's rights.");
        if (!OperatingSystem.IsWindows())                      // said again for the analyzer
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Assert.Single(Directory.GetFiles(Options.Folder!, "*.log"))));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Options.Folder!));
        }
    }

    private long Length() => Directory.GetFiles(Options.Folder!, "*.log").Sum(file => new FileInfo(file).Length);

    private string PowerCut(long at = long.MaxValue)
    {
        var copy = Directory.CreateDirectory(_folder.File($"cut-{at.ToString(CultureInfo.InvariantCulture)}")).FullName;
        foreach (var file in Directory.GetFiles(Options.Folder!, "*.log"))
        {
            using var from = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[Math.Min(from.Length, at)];
            from.ReadExactly(bytes);
            File.WriteAllBytes(Path.Combine(copy, Path.GetFileName(file)), bytes);
        }

        return copy;
    }

    private static async Task TakeUntilAsync(OutboxRig rig, string text, bool settle = false)
    {
        using var deadline = new CancellationTokenSource(Devices.Patience);
        while (true)
        {
            if (!rig.Outbox.TryTake(ushort.MaxValue, out var message))
                await rig.Doorbell.WaitAsync(deadline.Token);
            else if (rig.Text(message) == text)
            {
                if (settle)
                    rig.Settle(message);
                return;
            }
        }
    }
}
