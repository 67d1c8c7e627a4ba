using System.Reflection;
using IoTFleet.Mqtt;
using Xunit.Sdk;
using Xunit.v3;

namespace IoTFleet.Broker.Tests;

/// <summary>Runs the theory once as a 3.1.1 client and once as a 5.0 client.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BothVersionsAttribute : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        ValueTask.FromResult<IReadOnlyCollection<ITheoryDataRow>>([new TheoryDataRow(ProtocolVersion.V311), new TheoryDataRow(ProtocolVersion.V5)]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
