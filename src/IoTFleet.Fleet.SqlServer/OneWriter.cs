namespace IoTFleet.Fleet.SqlServer;

internal static class OneWriter
{
    /// <summary>Thrown when the turn does not come; a number of the range that is the user's to give.</summary>
    internal const int NoTurn = 51_001;

    private const string Take = """
        DECLARE @got int;
        EXEC @got = sp_getapplock @Resource = N'iotfleet-writers', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 25000;
        IF @got < 0 THROW 51001, N'The turn to write did not come within 25 s.', 1;
        """;

    internal static readonly WriterLock Instance = new(Take);
}
