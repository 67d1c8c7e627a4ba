namespace IoTFleet.Testing;

/// <summary>An empty database for one test, in a folder of its own that goes with it.</summary>
public sealed class SqliteDatabase : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string File => _folder.File("fleet.db");

    public void Dispose() => _folder.Dispose();
}
