using IoTFleet.Conformance.Catalogue;

namespace IoTFleet.Conformance.Proof;

/// <summary>A test that mosquitto does not pass, and who is right.</summary>
/// <param name="Test"><c>Class.Method</c>.</param>
/// <param name="Rows">Parts of the rows' names, when only these fail; null when all do.</param>
/// <param name="Instead">What mosquitto does.</param>
/// <param name="Verdict"><c>deviation</c> from the standard, or a <c>choice</c> that it leaves.</param>
internal sealed record MosquittoDifference(string Test, IReadOnlyList<string>? Rows, string Instead, string Verdict, string Why)
{
    public static IReadOnlyList<MosquittoDifference> All { get; } = Statement.Read<MosquittoDifference>("tests/IoTFleet.Conformance/Proof/mosquitto-differences.json");

    public bool Covers(TestOutcome outcome) => outcome.Test == Test && (Rows is null || Rows.Any(row => outcome.Name.Contains(row, StringComparison.Ordinal)));
}
