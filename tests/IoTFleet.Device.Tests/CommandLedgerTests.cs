using IoTFleet.Device.Commands;
using IoTFleet.Device.Link;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>What of commands outlives a power cut. A power cut is a copy of the folder, taken while it is in use and cut off.</summary>
public sealed class CommandLedgerTests : IDisposable
{
    private static readonly byte[] Done = new CommandAnswer(200).ToWire();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_power_cut_at_any_byte_leaves_each_command_begun_or_not_and_nothing_in_between()
    {
        var stands = new List<(long Length, int Begun, int Answered)>();
        await using (var before = Open("commands", out _))
        {
            stands.Add((LengthOf("commands"), 0, 0));
            for (var n = 0; n < 3; n++)
            {
                await before.BeginAsync($"c-{n}", "open");
                stands.Add((LengthOf("commands"), n + 1, n));
                await before.AnswerAsync($"c-{n}", Done);
                stands.Add((LengthOf("commands"), n + 1, n + 1));
            }
        }

        for (var length = stands[0].Length; length <= stands[^1].Length; length++)
        {
            CopyCutOff("commands", $"cut-{length}", length);
            var (_, begun, answered) = stands.Last(stand => stand.Length <= length);
            await using var after = Open($"cut-{length}", out var answers);
            for (var n = 0; n < answered; n++) Assert.True(answers.TryTake(10, out _), $"byte {length}: answer {n}");
            Assert.False(answers.TryTake(10, out _));
            for (var n = 0; n < 3; n++) Assert.True(await after.BeginAsync($"c-{n}", "open") == n >= begun, $"byte {length}: command {n}");
        }
    }

    [Fact]
    public async Task The_file_is_written_anew_when_it_has_grown_and_nothing_is_forgotten_that_matters()
    {
        await using (var before = Open("commands", out _))
        {
            for (var n = 0; n < 3_000; n++)
            {
                await before.BeginAsync($"c-{n}", "open");
                await before.AnswerAsync($"c-{n}", Done);
                if (n != 2_900) await before.StoredAsync($"c-{n}");
            }
        }

        Assert.InRange(LengthOf("commands"), 1, 256 * 1024);
        await using var after = Open("commands", out var answers);
        Assert.True(answers.TryTake(10, out var unstored));
        Assert.Equal("c-2900", unstored.CommandId);
        Assert.False(await after.BeginAsync("c-2999", "open"));
        Assert.True(await after.BeginAsync("c-0", "open"));    // so long ago that its server has forgotten it, too
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_is_told_and_commands_run_all_the_same()
    {
        var troubles = new List<DeviceException>();
        await using var ledger = Open("commands", out _, troubles.Add);
        Directory.Delete(_folder.File("commands"), recursive: true);
        for (var n = 0; n < 600; n++) await ledger.AnswerAsync("none", Done);
        var answer = new CommandAnswer(200, Devices.Json($"\"{new string('x', 60_000)}\"")).ToWire();

        for (var n = 0; n < 3; n++)
        {
            Assert.True(await ledger.BeginAsync($"c-{n}", "open"));
            Assert.True(await ledger.AnswerAsync($"c-{n}", answer));
        }

        Assert.All(troubles, trouble => Assert.Equal(DeviceError.CommandFailed, trouble.Error));
        Assert.NotEmpty(troubles);                             // when it was to be written anew
    }

    [Fact]
    public async Task A_folder_in_use_or_of_another_device_is_refused()
    {
        await Open("commands", out _).DisposeAsync();

        Assert.Contains("pump-8", Assert.Throws<DeviceException>(() => CommandFiles.Open(_folder.File("commands"), "pump-8")).Message);
        await using var first = Open("commands", out _);
        Assert.Throws<IOException>(() => CommandFiles.Open(_folder.File("commands"), Devices.Id));
    }

    [Fact]
    public async Task What_is_remembered_is_bounded_also_by_the_size_of_answers()
    {
        await using var ledger = Open(null, out _);
        var answer = new CommandAnswer(200, Devices.Json($"\"{new string('x', 60_000)}\"")).ToWire();
        for (var n = 0; n < 100; n++)
        {
            Assert.True(await ledger.BeginAsync($"c-{n}", "open"));
            await ledger.AnswerAsync($"c-{n}", answer);
            await ledger.StoredAsync($"c-{n}");
        }

        Assert.False(await ledger.BeginAsync("c-99", "open"));
        Assert.True(await ledger.BeginAsync("c-0", "open"));
    }

    private CommandLedger Open(string? folder, out AnswerQueue answers, Action<DeviceException>? trouble = null)
    {
        answers = new AnswerQueue(Devices.Id, TimeProvider.System, new Doorbell());
        return new CommandLedger(folder is null ? null : CommandFiles.Open(_folder.File(folder), Devices.Id), answers, Devices.Quick() with { TroubleMet = trouble });
    }

    private string FileOf(string folder) => Directory.EnumerateFiles(_folder.File(folder), "*.log").Single();

    private long LengthOf(string folder) => new FileInfo(FileOf(folder)).Length;

    private void CopyCutOff(string from, string to, long length)
    {
        Directory.CreateDirectory(_folder.File(to));
        using var copy = File.Create(Path.Combine(_folder.File(to), Path.GetFileName(FileOf(from))));
        copy.Write(File.ReadAllBytes(FileOf(from)).AsSpan(0, (int)length));
    }
}
