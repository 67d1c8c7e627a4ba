namespace IoTFleet.Api;

/// <summary>Body of <c>POST /operators</c>.</summary>
public sealed record CreateOperatorRequest
{
    /// <summary>Whose key it will be; what the audit trail says, and what tells two operators apart.</summary>
    public required string Name { get; init; }

    /// <summary><c>viewer</c>, <c>operator</c> or <c>administrator</c>.</summary>
    public required string Role { get; init; }
}

/// <summary>A new operator's key.</summary>
public sealed record CreatedOperator
{
    /// <summary>The key's id.</summary>
    public required string Id { get; init; }

    /// <summary>Whose it is.</summary>
    public required string Name { get; init; }

    /// <summary>What it may do.</summary>
    public required string Role { get; init; }

    /// <summary>The key itself; it is shown this once.</summary>
    public required string ApiKey { get; init; }

    /// <summary>Without the key, which must not get into a log.</summary>
    public override string ToString() => $"operator {Name} ({Role})";
}
