namespace IoTFleet.Fleet.Operators;

public sealed class ApiKey
{
    public const string SecretPrefix = "ifk_";

    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string SecretHash { get; init; }
    public required Role Role { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }

    internal static ApiKey For(Secret secret, string name, Role role, TimeProvider clock) => new()
    {
        Id = RowId.New(clock),
        Name = name,
        SecretHash = secret.Hash,
        Role = role,
        CreatedAt = clock.GetUtcNow(),
    };
}
