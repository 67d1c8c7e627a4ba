namespace IoTFleet.Fleet;

/// <summary>Ids of tokens, keys and commands: unique, in the order of their making, and no secret.</summary>
internal static class RowId
{
    internal static string New(TimeProvider clock) => Guid.CreateVersion7(clock.GetUtcNow()).ToString("N");
}
