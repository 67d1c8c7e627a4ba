using System.Reflection;
using IoTFleet.Mqtt;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace IoTFleet.Testing;

/// <summary>Runs the theory once as a 3.1.1 client and once as a 5.0 client.</summary>
/// <param name="row">What the theory takes beside the version.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class BothVersionsAttribute(params object?[] row) : VersionedDataAttribute(row)
{
    public override IReadOnlyList<ProtocolVersion> Versions { get; } = [ProtocolVersion.V311, ProtocolVersion.V5];
}

/// <summary>Runs the theory as a client of this version: what is tested exists in no other, or is not the same there.</summary>
/// <param name="row">What the theory takes beside the version.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnlyVersionAttribute(ProtocolVersion version, params object?[] row) : VersionedDataAttribute(row)
{
    public override IReadOnlyList<ProtocolVersion> Versions { get; } = [version];
}

/// <summary>Rows whose first value is the client's version.</summary>
public abstract class VersionedDataAttribute(object?[] row) : DataAttribute
{
    public abstract IReadOnlyList<ProtocolVersion> Versions { get; }

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        ValueTask.FromResult<IReadOnlyCollection<ITheoryDataRow>>([.. Versions.Select(version => new TheoryDataRow([version, .. row]))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
