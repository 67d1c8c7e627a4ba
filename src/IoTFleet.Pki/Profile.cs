namespace IoTFleet.Pki;

/// <summary>What kind of certificate one is; it decides every field of it. The table is in docs/pki.md.</summary>
public enum Profile { Root, DeviceAuthority, ClaimAuthority, ServerAuthority, ServiceAuthority, Device, Claim, Service, Server, OcspResponder, CrossRoot, CrossServerAuthority }

/// <summary>How a kind of certificate says who it is for.</summary>
internal enum SubjectNames { None, Uri, Hosts }

/// <summary>The fixed part of a profile.</summary>
internal sealed record ProfileRules(Profile Profile, string[] Purposes, TimeSpan MaxLifetime, TimeSpan MaxBackdate, int MaxLength)
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Minutes = TimeSpan.FromMinutes(5);

    private static readonly ProfileRules[] All =
    [
        // 20 years with their leap days. One authority below, and between the two, while roots change places, the former root: see CrossCertificate.
        new(Profile.Root, [], 7306 * Day, Day, 1500) { PathLength = 2 },
        new(Profile.DeviceAuthority, [KeyPurpose.ClientAuth], 1097 * Day, Day, 1500) { PathLength = 0, UriHost = "device." },
        new(Profile.ClaimAuthority, [KeyPurpose.ClientAuth], 366 * Day, Day, 1500) { PathLength = 0, UriHost = "claim." },
        new(Profile.ServerAuthority, [KeyPurpose.ServerAuth], 731 * Day, Day, 4096) { PathLength = 0 },
        new(Profile.ServiceAuthority, [KeyPurpose.ClientAuth], 1097 * Day, Day, 1500) { PathLength = 0, UriHost = "service." },
        new(Profile.Device, [KeyPurpose.ClientAuth], 90 * Day, Day, 1500) { Names = SubjectNames.Uri, UriHost = "device.", Publishes = true },
        new(Profile.Claim, [KeyPurpose.ClientAuth], 366 * Day, Day, 1500) { Names = SubjectNames.Uri, UriHost = "claim.", Publishes = true },
        new(Profile.Service, [KeyPurpose.ClientAuth], 366 * Day, Day, 1500) { Names = SubjectNames.Uri, UriHost = "service.", Publishes = true },
        new(Profile.Server, [KeyPurpose.ServerAuth, KeyPurpose.CmcRegistrationAuthority], 90 * Day, Minutes, 4096) { Names = SubjectNames.Hosts, Publishes = true },
        new(Profile.OcspResponder, [KeyPurpose.OcspSigning], 7 * Day, Day, 1500) { NoCheck = true },
        new(Profile.CrossRoot, [], 7306 * Day, Day, 1500) { PathLength = 1, IsCross = true },
        new(Profile.CrossServerAuthority, [KeyPurpose.ServerAuth], 731 * Day, Day, 4096) { PathLength = 0, IsCross = true },
    ];

    /// <summary>Null for a certificate that may sign none.</summary>
    public int? PathLength { get; private init; }
    public SubjectNames Names { get; private init; }

    /// <summary>Stands before the fleet's domain in the host of its URI, or of the URIs it may permit.</summary>
    public string? UriHost { get; private init; }

    /// <summary>May say where its revocation is published.</summary>
    public bool Publishes { get; private init; }

    /// <summary>RFC 6960 4.2.2.2.1: nobody asks whether the one who answers is revoked; it lives a few days.</summary>
    public bool NoCheck { get; private init; }

    /// <summary>Says of an authority what its own certificate says, signed by another root. RFC 4210 4.4</summary>
    public bool IsCross { get; private init; }

    public bool IsAuthority => PathLength is not null;
    public bool IsRoot => Profile == Profile.Root;

    public static ProfileRules Of(Profile profile) => All[(int)profile];
}
