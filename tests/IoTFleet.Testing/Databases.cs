namespace IoTFleet.Testing;

/// <summary>An empty database for one test, in a folder of its own that goes with it.</summary>
public sealed class SqliteDatabase : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iotfleet-");

    public string File => Path.Combine(_folder.FullName, "fleet.db");

    public void Dispose() => _folder.Delete(recursive: true);
}
