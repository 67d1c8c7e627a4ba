using Xunit;

namespace IoTFleet.Testing;

/// <summary>Real data sets, in the folder that the environment variable IOTFLEET_TEST_DATA names.</summary>
public static class TestData
{
    /// <summary>The file's path; skips the test where there is no such folder, as on most people's machines.</summary>
    public static string Require(string file)
    {
        var folder = Environment.GetEnvironmentVariable("IOTFLEET_TEST_DATA");
        Assert.SkipWhen(string.IsNullOrEmpty(folder), "IOTFLEET_TEST_DATA names no folder with data sets.");
        var path = Path.Combine(folder!, file);
        return File.Exists(path) ? path : throw new FileNotFoundException($"IOTFLEET_TEST_DATA is {folder}, which holds no {file}.", path);
    }
}
