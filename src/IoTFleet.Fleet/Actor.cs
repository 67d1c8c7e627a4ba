namespace IoTFleet.Fleet;

public enum ActorKind { System, Operator, Device, Enrolling }

[Flags]
public enum Permission
{
    None = 0,
    ReadFleet = 1,
    SendCommands = 2,
    ManageDevices = 4,
    RevokeDevices = 8,
    ManageTokens = 16,
    ManageOperators = 32,
    ManageServices = 64,
    ManageAuthorities = 128,
    ManageRules = 256,
    All = ReadFleet | SendCommands | ManageDevices | RevokeDevices | ManageTokens | ManageOperators | ManageServices | ManageAuthorities | ManageRules,
}

/// <summary>What an operator's key may do; each role includes the one before it.</summary>
public enum Role { Viewer, Operator, Administrator }

/// <summary>
/// Who acts and what they may do. Every use case takes one, and answers Forbidden when its permission is missing.
/// The doors that judge a credential take none: <c>SignIn</c>, <c>EnrolDevice</c>, <c>AdmitDevice</c> and <c>AdmitService</c>.
/// </summary>
public sealed record Actor
{
    private readonly Permission _permissions;

    private Actor(ActorKind kind, string name, Permission permissions)
    {
        Kind = kind;
        Name = name;
        _permissions = permissions;
    }

    public ActorKind Kind { get; }
    public string Name { get; }

    /// <summary>The server itself: start-up and housekeeping.</summary>
    public static Actor System { get; } = new(ActorKind.System, "system", Permission.All);

    public static Actor Operator(string name, Role role) => new(ActorKind.Operator, name, PermissionsOf(role));

    public static Actor Device(string id) => new(ActorKind.Device, id, Permission.None);

    /// <summary>A device at the enrolment door, known only by the token it holds.</summary>
    public static Actor Enrolling(string tokenId) => new(ActorKind.Enrolling, tokenId, Permission.None);

    public bool May(Permission permission) => (_permissions & permission) == permission;

    private static Permission PermissionsOf(Role role) => role switch
    {
        Role.Viewer => Permission.ReadFleet,
        Role.Operator => Permission.ReadFleet | Permission.SendCommands | Permission.ManageDevices | Permission.RevokeDevices | Permission.ManageRules,
        Role.Administrator => Permission.All,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Viewer, Operator or Administrator."),
    };
}
