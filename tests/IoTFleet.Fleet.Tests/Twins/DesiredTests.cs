using System.Text;
using System.Text.Json;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Twins;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Twins;

public class DesiredTests
{
    [Fact]
    public async Task Each_change_gets_the_next_version_and_a_line_in_the_record_without_values()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");

        Assert.Equal(1, (await fleet.ChangedAsync("pump-1", """{"interval":60,"wifi":{"key":"secret"}}""")).Twin.DesiredVersion);
        var second = await fleet.ChangedAsync("pump-1", """{"wifi":null,"led":true}""");

        Assert.Equal((2, """{"interval":60,"led":true}"""), (second.Twin.DesiredVersion, second.Twin.Desired));
        var lines = (await fleet.Fleet.AuditAsync("pump-1")).Where(entry => entry.Action == "twin.desired").Select(entry => entry.Detail);
        Assert.Equal(["version 1, changed: interval, wifi", "version 2, changed: wifi, led"], lines);
    }

    [Fact]
    public async Task A_change_that_says_nothing_new_is_not_written_down_and_gets_no_version()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ChangedAsync("pump-1", """{"interval":60}""");

        var again = await fleet.ChangedAsync("pump-1", """{"interval":60.0,"gone":null}""");

        Assert.Equal((false, 1), (again.HasChanged, again.Twin.DesiredVersion));
        Assert.Single(await fleet.Fleet.AuditAsync("pump-1"), entry => entry.Action == "twin.desired");
    }

    [Fact]
    public async Task A_replaced_document_holds_nothing_of_the_old_one()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ChangedAsync("pump-1", """{"a":1,"b":2}""");

        var replaced = await fleet.ChangedAsync("pump-1", """{"b":3,"c":{"d":null}}""", replace: true);

        Assert.Equal((2, """{"b":3,"c":{}}"""), (replaced.Twin.DesiredVersion, replaced.Twin.Desired));
    }

    [Fact]
    public async Task Of_two_operators_who_have_seen_the_same_version_one_changes_it()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ChangedAsync("pump-1", """{"a":0}""");

        var both = await Task.WhenAll(fleet.ChangeAsync("pump-1", """{"a":1}""", ifVersion: 1), fleet.ChangeAsync("pump-1", """{"a":2}""", ifVersion: 1));

        Assert.Single(both, result => result is ChangeDesiredResult.Changed { Twin.DesiredVersion: 2 });
        Assert.Single(both, result => result is ChangeDesiredResult.OtherVersion { Version: 2 });
    }

    [Fact]
    public async Task Two_operators_who_do_not_care_both_change_it()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");

        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => fleet.ChangedAsync("pump-1", $$"""{"k{{i}}":1}""")));

        var twin = await fleet.TwinAsync("pump-1");
        Assert.Equal(40, twin.DesiredVersion);
        Assert.Equal(40, JsonElement.Parse(twin.Desired).EnumerateObject().Count());
    }

    [Fact]
    public async Task A_document_that_would_get_too_large_stays_as_it_was()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ChangedAsync("pump-1", $$"""{"a":"{{new string('x', 20_000)}}"}""");

        var refused = Assert.IsType<ChangeDesiredResult.Invalid>(await fleet.ChangeAsync("pump-1", $$"""{"b":"{{new string('x', 20_000)}}"}"""));

        Assert.Equal("twin-too-large", refused.Problem.Code);
        Assert.Equal(1, (await fleet.TwinAsync("pump-1")).DesiredVersion);
    }

    [Fact]
    public async Task A_device_is_told_in_one_patch_what_has_changed_since_the_version_it_names()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ChangedAsync("pump-1", """{"a":{"x":1,"y":1},"b":1}""");
        await fleet.ChangedAsync("pump-1", """{"a":null}""");
        await fleet.ChangedAsync("pump-1", """{"a":{"x":1},"c":1}""");      // these two cannot be added up to a merge patch by themselves
        await fleet.ChangedAsync("pump-1", """{"c":null,"b":2}""");

        Assert.Equal(new DesiredNews(4, 1, """{"b":2,"a":{"y":null}}"""), await fleet.ReadAsync("pump-1", since: 1));
        Assert.Equal(new DesiredNews(4, 4, "{}"), await fleet.ReadAsync("pump-1", since: 4));
        Assert.Equal(new DesiredNews(4, 0, """{"b":2,"a":{"x":1}}"""), await fleet.ReadAsync("pump-1", since: 0));
        Assert.Equal(new DesiredNews(4, null, """{"b":2,"a":{"x":1}}"""), await fleet.ReadAsync("pump-1", since: null));
    }

    [Fact]
    public async Task From_whatever_version_a_device_comes_it_ends_with_the_document()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        var random = new Random(6);
        var documents = new List<string> { "{}" };
        while (documents.Count <= DesiredHistory.MaxVersions + 8)
        {
            var twin = (await fleet.ChangedAsync("pump-1", Documents.Any(random), replace: true)).Twin;
            if (twin.DesiredVersion == documents.Count) documents.Add(twin.Desired);
        }

        for (var version = 0; version < documents.Count; version++)
        {
            var news = await fleet.ReadAsync("pump-1", version);
            var got = news.From is null ? news.Json : MergePatch.Apply(documents[version], news.Json);
            Assert.True(JsonElement.DeepEquals(JsonElement.Parse(documents[^1]), JsonElement.Parse(got)), $"from {version}");
            Assert.Equal(version >= documents.Count - 1 - DesiredHistory.MaxVersions, news.From is not null);
        }
    }

    [Fact]
    public async Task The_way_back_is_kept_within_its_bytes()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        for (var i = 0; i < 6; i++) await fleet.ChangedAsync("pump-1", $$"""{"a":"{{new string((char)('a' + i), 5_000)}}"}""");

        Assert.InRange((await fleet.TwinAsync("pump-1")).History.Length, 1, DesiredHistory.MaxBytes + 100);
        Assert.Equal((6, 3), ((await fleet.ReadAsync("pump-1", since: 3)).Version, (await fleet.ReadAsync("pump-1", since: 3)).From));
        Assert.Null((await fleet.ReadAsync("pump-1", since: 2)).From);
    }

    [Fact]
    public async Task A_device_that_has_seen_more_than_a_restored_database_is_told_a_version_above_its_own()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ChangedAsync("pump-1", """{"a":1}""");

        Assert.Equal(new DesiredNews(13, null, """{"a":1}"""), await fleet.ReadAsync("pump-1", since: 12));
        Assert.Equal(new DesiredNews(13, 13, "{}"), await fleet.ReadAsync("pump-1", since: 13));
        Assert.Equal(14, (await fleet.ChangedAsync("pump-1", """{"a":2}""")).Twin.DesiredVersion);
        Assert.Equal(new DesiredNews(14, null, """{"a":2}"""), await fleet.ReadAsync("pump-1", since: 12));
    }

    [Fact]
    public async Task A_version_out_of_all_reason_does_not_use_up_the_numbers()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");

        Assert.Equal(new DesiredNews(0, null, "{}"), await fleet.ReadAsync("pump-1", since: TwinPatch.MaxVersion));
    }

    [Fact]
    public async Task What_is_wanted_of_a_device_may_be_said_before_it_enrols_and_not_after_it_is_revoked()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ChangedAsync("pump-1", """{"a":1}""");
        await fleet.Fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        Assert.IsType<ChangeDesiredResult.Revoked>(await fleet.ChangeAsync("pump-1", """{"a":2}"""));
        Assert.IsType<ChangeDesiredResult.UnknownDevice>(await fleet.ChangeAsync("pump-9", """{"a":2}"""));
        Assert.Equal("""{"a":1}""", (await fleet.TwinAsync("pump-1")).Desired);        // what it was told last stays to be read
        Assert.Empty(Assert.IsType<FindTwinsResult.Page>(await fleet.Fleet.Get<FindTwins>().RunAsync(TestFleet.Viewer, new(), default)).Twins);
    }
}
