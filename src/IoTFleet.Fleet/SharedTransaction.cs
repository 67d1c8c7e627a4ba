using IoTFleet.Fleet.Audit;

namespace IoTFleet.Fleet;

/// <summary>What the units of one transaction have in common. The end of each chain is read and written once for all of them.</summary>
internal sealed class SharedTransaction(PreparedStatements statements)
{
    internal PreparedStatements Statements { get; } = statements;

    /// <summary>Entries that become links at the end: their chain's head is then locked for a moment, and by whoever holds everything else already.</summary>
    internal List<AuditEntry> Audit { get; } = [];

    /// <summary>The size of the log of issued certificates with what these units have appended; null until the first asks.</summary>
    internal long? LogSize { get; set; }

    internal (int Audit, long? LogSize) Mark() => (Audit.Count, LogSize);

    internal void ResetTo((int Audit, long? LogSize) mark)
    {
        Audit.RemoveRange(mark.Audit, Audit.Count - mark.Audit);
        LogSize = mark.LogSize;
    }
}
