using System.Text;
using IoTFleet.Conformance.Proof;

namespace IoTFleet.Conformance.Catalogue;

/// <summary>docs/conformance.md, from the lists.</summary>
internal static class ConformancePage
{
    public static string Write()
    {
        var page = new StringBuilder(Introduction);
        page.Append("| specification | statements | shown by a test | duty of the client | not applicable |\n|---|---|---|---|---|\n");
        AppendCounts(page, V311);
        AppendCounts(page, V5);
        page.Append(Numbering);
        AppendDifferences(page);
        AppendStatements(page, V311);
        AppendStatements(page, V5);
        return page.ToString();
    }

    private const string Introduction = """
        # Conformance

        What MQTT demands of a server and where it is shown that ours does it. This page is generated from `tests/IoTFleet.Conformance/Catalogue/statements-*.json`;
        `CatalogueTests` fails when a statement has no verdict, when a test that is named here does not exist or does not run as that version, and when a test of the suite is named by no statement.


        """;

    private const string Numbering = """

        Each *duty of the client* names what our device SDK does and, where there is one, the test of how our server treats a client that does not do it.
        The statements are paraphrased; the standards' own words are in [MQTT 3.1.1](https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html)
        (OASIS Standard, 29 October 2014, appendix B) and [MQTT 5.0](https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html) (OASIS Standard, 7 March 2019, appendix B).
        Their numbering is followed with its quirks: 5.0 has no 2.2.1-1, and its 4.2.0-1 is 4.2-1 in the body; 3.1.1 prints its 3.8.3-4 as 3-8.3-4 and a few numbers with a dot for the hyphen.
        Drafts of 5.0 number sections 3.1.2 and 3.1.3 differently, and copies of those lists are about.

        ## The suite

        It speaks bytes and packets to a target: the broker in its own process, or any server that the environment names.
        A test that needs what no client can do to a server (refuse a client, fail a commit, advance a clock by an hour) says so and is skipped elsewhere.

        ```
        dotnet build tests/IoTFleet.Conformance -c Release
        cd tests/IoTFleet.Conformance/bin/Release/net10.0
        ./IoTFleet.Conformance                                                         # our broker, in this process
        IOTFLEET_CONFORMANCE_TARGET=localhost:1883 ./IoTFleet.Conformance -namespace- IoTFleet.Conformance.Catalogue -namespace- IoTFleet.Conformance.Proof
        IOTFLEET_CONFORMANCE_TARGET=mqtts://localhost:8883 IOTFLEET_CONFORMANCE_CA=root.pem IOTFLEET_CONFORMANCE_CERT=client.pem IOTFLEET_CONFORMANCE_KEY=client.key ./IoTFleet.Conformance ...
        ```

        Over `mqtts` the certificate must allow any client id and any topic. `ConformanceTests` of `tests/IoTFleet.Server.Tests` runs it so against our whole server: TLS, policy, database.

        ## Proved against mosquitto

        `MosquittoProofTests` runs the suite against Debian's mosquitto (2.0.11) and expects exactly the failures below: a test that fails there unexpectedly, or passes unexpectedly, fails the build.
        So the tests are held to a second, independent server. A *deviation* is against the standard; a *choice* is within it.


        """;

    private static void AppendCounts(StringBuilder page, ProtocolVersion version)
    {
        var statements = Statement.Of(version);
        var (client, not) = (statements.Count(statement => statement.Client is not null), statements.Count(statement => statement.NotApplicable is not null));
        page.Append($"| {Name(version)} | {statements.Count} | {statements.Count - client - not} | {client} | {not} |\n");
    }

    private static void AppendDifferences(StringBuilder page)
    {
        page.Append("| test | what mosquitto does instead | verdict | why |\n|---|---|---|---|\n");
        foreach (var difference in MosquittoDifference.All)
        {
            var rows = difference.Rows is null ? "" : $" ({string.Join("; ", difference.Rows.Select(row => $"`{row}`"))})";
            page.Append($"| `{difference.Test}`{rows} | {difference.Instead} | {difference.Verdict} | {difference.Why} |\n");
        }
    }

    private static void AppendStatements(StringBuilder page, ProtocolVersion version)
    {
        page.Append($"\n## {Name(version)}\n");
        foreach (var section in Statement.Of(version).GroupBy(statement => statement.Section))
        {
            page.Append($"\n### {Name(version)}, section {section.Key}\n\n| id | in our words | verdict |\n|---|---|---|\n");
            foreach (var statement in section) page.Append($"| {statement.Id} | {statement.Says} | {Verdict(statement)} |\n");
        }
    }

    private static string Verdict(Statement statement)
    {
        var tests = string.Join("<br>", statement.ShownBy.Select(test => $"`{test}`"));
        var words = (statement.Client, statement.NotApplicable) switch
        {
            (not null, _) => $"*Duty of the client.* {statement.Client}",
            (_, not null) => $"*Not applicable.* {statement.NotApplicable}",
            _ => "",
        };
        return words.Length > 0 && tests.Length > 0 ? $"{words}<br>{tests}" : words + tests;
    }

    private static string Name(ProtocolVersion version) => version == V5 ? "MQTT 5.0" : "MQTT 3.1.1";
}
