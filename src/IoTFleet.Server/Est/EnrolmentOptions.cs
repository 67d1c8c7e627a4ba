namespace IoTFleet.Server.Est;

/// <summary>What those who ask for certificates may cost, section <c>Enrolment</c>.</summary>
internal sealed class EnrolmentOptions
{
    public const string Section = "Enrolment";

    /// <summary>Requests for a certificate under way at one time; one more is told to come again. 1 to 10,000.</summary>
    public int MaxConcurrent { get; set; } = 256;

    /// <summary>Requests for a certificate in a minute from one address (IPv6: one /64 network). 1 to 10,000,000.</summary>
    public int RequestsPerMinute { get; set; } = 6_000;

    /// <summary>Requests for a certificate in a minute by one claim certificate. 1 to 10,000,000.</summary>
    public int RequestsPerMinuteByClaim { get; set; } = 600;

    /// <summary>Unknown tokens in a minute from one address; then none of its tokens is looked at. 1 to 10,000.</summary>
    public int WrongTokensPerMinute { get; set; } = 5;

    /// <summary>Days that a request for approval is kept after it was decided, or after its device last asked. 1 to 3,650.</summary>
    public int KeepApprovalsDays { get; set; } = 90;

    public static EnrolmentOptions From(IConfiguration configuration)
    {
        var options = configuration.GetSection(Section).Get<EnrolmentOptions>() ?? new EnrolmentOptions();
        return options.Problems().FirstOrDefault() is { } problem ? throw new StartupException(problem) : options;
    }

    /// <summary>Says what is wrong with these settings, one line each; empty when they can be used.</summary>
    public IEnumerable<string> Problems()
    {
        if (MaxConcurrent is < 1 or > 10_000) yield return "Enrolment:MaxConcurrent must be 1 to 10000.";
        if (RequestsPerMinute is < 1 or > 10_000_000) yield return "Enrolment:RequestsPerMinute must be 1 to 10000000.";
        if (RequestsPerMinuteByClaim is < 1 or > 10_000_000) yield return "Enrolment:RequestsPerMinuteByClaim must be 1 to 10000000.";
        if (WrongTokensPerMinute is < 1 or > 10_000) yield return "Enrolment:WrongTokensPerMinute must be 1 to 10000.";
        if (KeepApprovalsDays is < 1 or > 3_650) yield return "Enrolment:KeepApprovalsDays must be 1 to 3650.";
    }
}
