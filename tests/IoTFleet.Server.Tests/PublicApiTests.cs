using System.Reflection;

namespace IoTFleet.Server.Tests;

public sealed class PublicApiTests
{
    /// <summary>
    /// What others compile against changes on purpose only: docs/api holds the public surface, a line a member.
    /// <c>IOTFLEET_UPDATE_BASELINE=1</c> rewrites it, and the review sees the difference.
    /// </summary>
    [Theory]
    [InlineData("IoTFleet.Mqtt")]
    [InlineData("IoTFleet.Device")]
    public void Public_surface_is_the_written_one(string library)
    {
        var surface = PublicSurface.Of(Assembly.Load(library));
        var baseline = Repository.PathTo($"docs/api/{library}.txt");
        if (Environment.GetEnvironmentVariable("IOTFLEET_UPDATE_BASELINE") == "1")
        {
            File.WriteAllText(baseline, string.Join('\n', surface));
        }

        Assert.Equal(File.ReadAllText(baseline).Split('\n'), surface);
    }
}
