using IoTFleet.Pki;

namespace IoTFleet.Fleet.Certificates;

/// <summary>One certificate to be issued.</summary>
/// <param name="Authority">Whose key signs.</param>
/// <param name="Terms">What it will say.</param>
/// <param name="Subject">The device, service, batch or host it is for.</param>
/// <param name="Actor">At whose request.</param>
/// <param name="Action">What the audit calls it, such as <c>device.enrol</c>.</param>
public sealed record IssuanceOrder(CertificateAuthority Authority, LeafTerms Terms, string Subject, Actor Actor, string Action)
{
    public EnrolmentDoor? Door { get; init; }

    /// <summary>The token that pays for it.</summary>
    public string? TokenId { get; init; }

    /// <summary>The claim batch that it counts to.</summary>
    public string? BatchId { get; init; }

    /// <summary>Where the request came from, for the audit.</summary>
    public string? Origin { get; init; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo, lower-case hex.</summary>
    public string KeyFingerprint { get; } = Fingerprint.Sha256(Terms.SubjectPublicKeyInfo.Span);
}

/// <summary>What came of checking and taking: leave to sign, or an answer that needs no signature.</summary>
public abstract record Taking<T>
{
    private Taking() { }

    public sealed record Granted : Taking<T>;

    /// <param name="Answer">A refusal, or the certificate that there is already.</param>
    /// <param name="Keep">Whether what was written on the way to it stands.</param>
    public sealed record Instead(T Answer, bool Keep = false) : Taking<T>;
}

/// <summary>Checks, and takes what the certificate costs: a token's use, a place in a quota, the key.</summary>
/// <param name="db">The unit's context; what is added to it is saved with the intent.</param>
/// <param name="owed">
/// When a crash came after something was taken for the same subject and key, and before its certificate was stored: what was to be issued.
/// It is paid for, so nothing is taken again; everything else is checked as ever.
/// </param>
/// <param name="ct">Ends with the request.</param>
public delegate Task<Taking<T>> TakeForCertificate<T>(FleetDbContext db, IssuanceIntent? owed, CancellationToken ct);

/// <summary>Adds the certificate's row. It has been signed, so it must be stored whatever has happened meanwhile: revoked, if its holder was.</summary>
public delegate Task<T> StoreCertificate<T>(FleetDbContext db, SignedCertificate signed, CancellationToken ct);

/// <param name="Leaf">Not yet to be shown to anybody.</param>
/// <param name="Intent">By whose leave it was signed; its door, token and batch are those that paid, also before a crash.</param>
/// <param name="LogIndex">Its place in the log of issued certificates.</param>
public sealed record SignedCertificate(IssuedLeaf Leaf, IssuanceIntent Intent, long LogIndex);

/// <summary>Another node has taken over this certificate's intent; its requester asks again and gets that one's.</summary>
public sealed class IssuanceOvertakenException(string serial) : Exception($"The intent to issue {serial} is gone: another request of the same subject and key has overtaken it. Ask again.");
