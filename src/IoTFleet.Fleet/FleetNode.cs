namespace IoTFleet.Fleet;

/// <summary>The name this server goes by among those that share a database; its audit chain bears it.</summary>
public sealed record FleetNode(string Name)
{
    /// <summary>The machine's name, unless the host says otherwise.</summary>
    public static FleetNode OfThisMachine { get; } = new(Environment.MachineName.ToLowerInvariant());
}
