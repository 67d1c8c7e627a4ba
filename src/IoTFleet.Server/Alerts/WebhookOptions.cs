namespace IoTFleet.Server.Alerts;

/// <summary>How webhooks are called; section <c>Webhooks</c>.</summary>
internal sealed record WebhookOptions
{
    /// <summary>Times that a notice is tried before it is given up.</summary>
    public int MaxAttempts { get; init; } = 12;

    /// <summary>Older than this, it is given up, too.</summary>
    public TimeSpan MaxAge { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Before the second attempt; each further one waits about twice as long, up to an hour.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What an attempt may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether addresses of this machine and of private networks may be called.</summary>
    public bool AllowPrivateAddresses { get; init; }

    /// <summary>Whether http:// may be called, where anybody on the way can read the notices.</summary>
    public bool AllowHttp { get; init; }

    public static WebhookOptions From(IConfiguration configuration)
    {
        var options = configuration.GetSection("Webhooks").Get<WebhookOptions>() ?? new WebhookOptions();
        Check(nameof(MaxAttempts), options.MaxAttempts is >= 1 and <= 100, "1 to 100");
        Check(nameof(MaxAge), options.MaxAge >= TimeSpan.FromMinutes(1) && options.MaxAge <= TimeSpan.FromDays(14), "00:01:00 to 14.00:00:00");
        Check(nameof(FirstPause), options.FirstPause >= TimeSpan.FromMilliseconds(10) && options.FirstPause <= TimeSpan.FromHours(1), "00:00:00.010 to 01:00:00");
        Check(nameof(Timeout), options.Timeout >= TimeSpan.FromMilliseconds(100) && options.Timeout <= TimeSpan.FromMinutes(2), "00:00:00.100 to 00:02:00");
        return options;
    }

    private static void Check(string setting, bool good, string range)
    {
        if (!good) throw new StartupException($"Webhooks:{setting} must be {range}.");
    }
}
