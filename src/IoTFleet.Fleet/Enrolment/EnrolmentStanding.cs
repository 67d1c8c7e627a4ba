using IoTFleet.Fleet.Certificates;

namespace IoTFleet.Fleet.Enrolment;

/// <summary>What a credential says of its holder, once it was found good: who it is, and whose limits it is under.</summary>
internal sealed record EnrolmentStanding
{
    public required EnrolmentGroup Group { get; init; }
    public required EnrolmentWays Way { get; init; }
    public required EnrolmentDoor Door { get; init; }
    public required string DeviceId { get; init; }

    /// <summary>Who the audit trail says has asked.</summary>
    public required Actor Actor { get; init; }
    public EnrolmentToken? Token { get; init; }
    public ClaimBatch? Batch { get; init; }
    public string? HardwareSerial { get; init; }
    public string? Evidence { get; init; }

    /// <summary>The certificate that was shown, when it is the device's present one.</summary>
    public string? PresentSerial { get; init; }

    /// <summary>The credential is this device's and no other's, so it may replace what the device holds: a token bound to its id, or its maker's own identity.</summary>
    public bool Replaces { get; init; }

    /// <summary>The group's list says which device the serial number is, so the device need not have told it before.</summary>
    public bool IsListed { get; init; }

    /// <summary>The serial number if a certificate can carry it: IDevIDs may have longer ones, and other characters than PrintableString.</summary>
    public string? CertifiableSerial => HardwareSerial is { Length: <= 64 } serial && serial.All(IsPrintable) ? serial : null;

    public string? CredentialId => Token?.Id ?? Batch?.Id;

    private static bool IsPrintable(char c) => char.IsAsciiLetterOrDigit(c) || " '()+,-./:=?".Contains(c, StringComparison.Ordinal); // X.680 41.4
}

/// <summary>What the credential of one request is worth, for the moment; whatever is counted is taken later, by condition.</summary>
public sealed class JudgedCredential
{
    internal JudgedCredential(Judgement judgement) => Judgement = judgement;

    /// <summary>It is a token that does not exist: a guess.</summary>
    public bool IsTokenUnknown => Judgement.Refused == EnrolRefusal.TokenUnknown;

    internal Judgement Judgement { get; }
}

/// <summary>A credential found good, or the reason why not.</summary>
internal readonly record struct Judgement(EnrolmentStanding? Standing, EnrolDeviceResult.Refused? Refused, Actor Actor)
{
    public static implicit operator Judgement(EnrolmentStanding standing) => new(standing, null, standing.Actor);
}
