using System.Text;
using System.Text.RegularExpressions;
using IoTFleet.Fleet.Refusals;

namespace IoTFleet.Server.Tests;

/// <summary>The one list of reasons, its page, and the places that use its codes as plain strings.</summary>
public sealed partial class ReasonCodesTests
{
    private const string Page = "docs/reasons.md";
    private const string List = "src/IoTFleet.Fleet/Refusals/";

    private static readonly string[] Rooms = ["src/IoTFleet.Broker", "src/IoTFleet.Fleet", "src/IoTFleet.Server"];

    [Fact]
    public void Page_is_made_from_the_list()
    {
        if (Environment.GetEnvironmentVariable("IOTFLEET_UPDATE_BASELINE") == "1") File.WriteAllText(Repository.PathTo(Page), Render());

        Assert.Equal(Render(), Repository.Read(Page));
    }

    [Fact]
    public void Every_code_that_refuses_is_in_the_list()
    {
        var used = Rooms.SelectMany(room => Repository.Files(room, "*.cs")).Where(file => !file.StartsWith(List, StringComparison.Ordinal))
            .SelectMany(file => File.ReadLines(Repository.PathTo(file)).Where(line => Refusing().IsMatch(line)).SelectMany(Codes));

        Assert.DoesNotContain(used.Distinct(), code => ReasonCodes.Find(code) is null);
    }

    [Fact]
    public void Codes_are_words_joined_by_dashes_and_each_stands_once()
    {
        Assert.All(ReasonCodes.All, reason => Assert.Matches("^[a-z0-9]+(-[a-z0-9]+)*$", reason.Code));
        Assert.Equal(ReasonCodes.All.Count, ReasonCodes.All.Select(reason => reason.Code).Distinct().Count());
    }

    [Fact]
    public void Every_reason_says_what_was_found_and_what_to_do() => Assert.All(ReasonCodes.All, reason =>
    {
        Assert.NotEqual(RefusedAt.None, reason.At);
        Assert.EndsWith(".", reason.Meaning, StringComparison.Ordinal);
        Assert.NotEmpty(reason.WhatToDo);
        Assert.DoesNotContain('|', reason.Meaning + reason.WhatToDo);
    });

    private static IEnumerable<string> Codes(string line) => Literal().Matches(line).Select(match => match.Groups["code"].Value);

    private static string Render()
    {
        var page = new StringBuilder("""
            # Reasons

            Everybody who is turned away, at a handshake, a CONNECT, an enrolment, a renewal or a topic, is turned away for one of these reasons. The code is counted
            (`iotfleet.broker.refusals` by reason), logged, shown on the console and by `iotfleet refusals`, and never changes its meaning.
            "Told" says whether the peer may learn it: strangers are not told what they ran into, and a TLS handshake on Linux ends without a word anyway;
            a device can ask why with a proof of its key.

            This page is written by a test from `src/IoTFleet.Fleet/Refusals/ReasonCodes.cs`; `IOTFLEET_UPDATE_BASELINE=1` rewrites it.

            | code | at | meaning | what to do | told |
            |---|---|---|---|---|

            """);
        foreach (var reason in ReasonCodes.All)
        {
            page.Append(System.Globalization.CultureInfo.InvariantCulture, $"| `{reason.Code}` | {reason.At.ToString().ToLowerInvariant()} | {reason.Meaning} | {reason.WhatToDo} | {(reason.MayTell ? "yes" : "no")} |\n");
        }

        return page.ToString();
    }

    /// <summary>A line that speaks of refusing, or a code beside its sentence.</summary>
    [GeneratedRegex("""Refus|Record\(|"[a-z0-9]+(-[a-z0-9]+)+",\s*\$?"[A-Z]""")]
    private static partial Regex Refusing();

    [GeneratedRegex("""(?<![=\w$])"(?<code>[a-z0-9]+(-[a-z0-9]+)+)"(?!\s*\?\?)""")]
    private static partial Regex Literal();
}
