namespace IoTFleet.Fleet.PostgreSql;

internal static class OneWriter
{
    /// <summary>A node that was cut off in mid-transaction must not hold up the others for longer than this.</summary>
    private const string Take = "SET LOCAL idle_in_transaction_session_timeout = '60s'; SELECT pg_advisory_xact_lock(1232033862, 1)"; // 'IoTF', writers

    internal static readonly WriterLock Instance = new(Take);
}
