using System.Reflection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Tests;

public sealed class FleetLogTests
{
    [Fact]
    public void Event_ids_are_unique()
    {
        var ids = typeof(FleetLog).GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
            .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()?.EventId).OfType<int>().ToList();

        Assert.NotEmpty(ids);
        Assert.Equal(ids.Distinct(), ids);
    }
}
