using IoTFleet.Pki;

namespace IoTFleet.Fleet.Enrolment.Groups;

/// <summary>What an operator decides about a group; its counters are the group's own. Each as in <see cref="EnrolmentGroup"/>.</summary>
public sealed record GroupSettings
{
    private const int MaxText = 200;
    private const int MaxTags = 50;
    private const int MostPending = 100_000;
    private const int MostDays = 90;
    private const int MinutesOfADay = 24 * 60;
    private const EnrolmentWays AllWays =
        EnrolmentWays.Token | EnrolmentWays.ClaimCertificate | EnrolmentWays.Manufacturer | EnrolmentWays.Preregistered | EnrolmentWays.DeviceCertificate;

    /// <summary>Segments that follow a label, or stand where one would (RFC 7030 3.2.2).</summary>
    private static readonly string[] Operations = ["cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"];

    public string? Description { get; init; }
    public EnrolmentWays Ways { get; init; } = EnrolmentWays.Token;
    public ApprovalMode Approval { get; init; }
    public int MaxPending { get; init; } = 1_000;
    public int? MaxDevices { get; init; }
    public int? MaxPerHour { get; init; }
    public DateTimeOffset? OpensAt { get; init; }
    public DateTimeOffset? ClosesAt { get; init; }
    public string? IdPattern { get; init; }
    public bool OnlyListedSerials { get; init; }
    public IReadOnlyList<string> Tags { get; init; } = [];
    public int? CertificateDays { get; init; }
    public int? CertificateMinutes { get; init; }
    public int GraceDays { get; init; }
    public int KeyReuseLimit { get; init; }
    public bool RequireChannelBinding { get; init; }
    public bool ServerKeyGeneration { get; init; }
    public bool AllowRsa { get; init; }

    internal static string? FindProblemWithName(string id)
    {
        if (!DeviceName.IsValid(id)) return $"A group's name is {DeviceName.Rule}.";
        return Operations.Contains(id) ? $"'{id}' is an operation of EST and cannot be a group's name." : null;
    }

    internal string? FindProblem()
    {
        if (Description is { Length: > MaxText }) return $"A description has at most {MaxText} characters.";
        if (Ways == EnrolmentWays.None || (Ways & ~AllWays) != 0) return "A group needs at least one way in.";
        if (Ways == EnrolmentWays.Preregistered && Approval != ApprovalMode.Queue)
            return "Preregistered alone asks for no credential, so each request must wait for approval; set approval to queue or add another way.";
        if (MaxPending is < 0 or > MostPending) return $"From 0 to {MostPending} requests may wait for approval.";
        if (MaxDevices is < 0 || MaxPerHour is < 0) return "A limit is zero or more.";
        if (OpensAt >= ClosesAt) return "A group closes after it opens.";
        if (IdPattern is { } pattern && !Wildcard.IsValid(pattern)) return $"An id pattern is 1 to {MaxText} of the characters of a device id, '*' and '?'.";
        return FindProblemWithTags() ?? FindProblemWithCertificates();
    }

    /// <summary>With these settings and the group's own name and counters.</summary>
    internal EnrolmentGroup ApplyTo(EnrolmentGroup group) => new()
    {
        Id = group.Id,
        CreatedAt = group.CreatedAt,
        Closed = group.Closed,
        Enrolled = group.Enrolled,
        HourStartsAt = group.HourStartsAt,
        EnrolledThisHour = group.EnrolledThisHour,
        Description = Description,
        Ways = Ways,
        Approval = Approval,
        MaxPending = MaxPending,
        MaxDevices = MaxDevices,
        MaxPerHour = MaxPerHour,
        OpensAt = OpensAt,
        ClosesAt = ClosesAt,
        IdPattern = IdPattern,
        OnlyListedSerials = OnlyListedSerials,
        Tags = [.. Tags],
        CertificateDays = CertificateDays,
        CertificateMinutes = CertificateMinutes,
        GraceDays = GraceDays,
        KeyReuseLimit = KeyReuseLimit,
        RequireChannelBinding = RequireChannelBinding,
        ServerKeyGeneration = ServerKeyGeneration,
        AllowRsa = AllowRsa,
    };

    private string? FindProblemWithTags()
    {
        if (Tags.Count > MaxTags) return $"A group gives at most {MaxTags} tags.";
        return Tags.FirstOrDefault(tag => !IsTag(tag)) is { } wrong ? $"'{wrong}' is not a tag; write name=value without control characters." : null;
    }

    private string? FindProblemWithCertificates()
    {
        if (CertificateDays is < 1 or > MostDays) return $"A certificate lives from 1 to {MostDays} days.";
        if (CertificateMinutes is < 1 or > MostDays * MinutesOfADay) return $"A certificate lives from 1 to {MostDays * MinutesOfADay} minutes.";
        if (GraceDays is < 0 or > MostDays) return $"Grace is from 0 to {MostDays} days.";
        return KeyReuseLimit is < 0 or > 1_000 ? "A key may be kept for 0 to 1,000 renewals." : null;
    }

    internal static bool IsTag(string tag) =>
        tag.Length is > 2 and <= MaxText && tag.IndexOf('=', StringComparison.Ordinal) > 0 && !tag.Any(char.IsControl);
}
