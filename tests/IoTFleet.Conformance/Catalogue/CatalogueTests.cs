namespace IoTFleet.Conformance.Catalogue;

/// <summary>Holds the lists of statements to the tests and the tests to the lists.</summary>
public sealed class CatalogueTests
{
    /// <summary>As many as appendix B of each standard lists.</summary>
    [Theory]
    [InlineData(V311, 141)]
    [InlineData(V5, 251)]
    public void Every_statement_is_listed_once(ProtocolVersion version, int count)
    {
        var statements = Statement.Of(version);
        Assert.Equal(count, statements.Count);
        Assert.Equal(count, statements.Select(statement => statement.Id).Distinct().Count());
    }

    [Theory, BothVersions]
    public void Every_statement_has_one_verdict(ProtocolVersion version) =>
        Assert.All(Statement.Of(version), statement => Assert.True(statement.HasVerdict, $"{statement.Id} has no verdict, or two."));

    /// <summary>The words of the standards are not ours to copy.</summary>
    [Theory, BothVersions]
    public void Every_paraphrase_is_short(ProtocolVersion version) =>
        Assert.All(Statement.Of(version), statement => Assert.InRange(statement.Says.Split(' ').Length, 3, 16));

    [Theory, BothVersions]
    public void Every_named_test_exists_and_runs_as_this_version(ProtocolVersion version)
    {
        var missing = Statement.Of(version).SelectMany(statement => statement.ShownBy.Where(test => !Exists(test, version)).Select(test => $"{statement.Id}: {test}")).ToList();
        Assert.True(missing.Count == 0, string.Join(Environment.NewLine, missing));
    }

    [Fact]
    public void Every_test_is_named_by_a_statement()
    {
        var named = Statement.Of(V311).Concat(Statement.Of(V5)).SelectMany(statement => statement.ShownBy);
        Assert.Empty(TestIndex.OfThisSuite.Keys.Except(named));
    }

    [Fact]
    public void Every_test_runs_as_a_version() => Assert.All(TestIndex.OfThisSuite, test => Assert.NotEmpty(test.Value));

    /// <summary><c>IOTFLEET_UPDATE_BASELINE=1</c> rewrites the page, and the review sees the difference.</summary>
    [Fact]
    public void Page_in_the_documents_is_the_generated_one()
    {
        var path = SourceTree.PathTo("docs/conformance.md");
        var page = ConformancePage.Write();
        if (Environment.GetEnvironmentVariable("IOTFLEET_UPDATE_BASELINE") == "1") File.WriteAllText(path, page);
        Assert.Equal(File.ReadAllText(path).Split('\n'), page.Split('\n'));
    }

    private static bool Exists(string test, ProtocolVersion version) => test.Contains('/', StringComparison.Ordinal)
        ? TestIndex.ExistsElsewhere(test)
        : TestIndex.OfThisSuite.TryGetValue(test, out var versions) && versions.Contains(version);
}
