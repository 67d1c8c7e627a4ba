namespace IoTFleet.Fleet.Certificates;

public enum ClonePolicy { Alert, Suspend }

/// <summary>When devices renew, and how many at once.</summary>
public sealed record RenewalOptions
{
    public static readonly TimeSpan MaxOutageTolerance = TimeSpan.FromDays(30);
    public static readonly TimeSpan MinSpread = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan MaxSpread = TimeSpan.FromDays(7);
    public const int MaxMaxPerSecond = 100_000;

    /// <summary>The server may be away for this long without a certificate ending; for short-lived certificates as much of it as three quarters of their life allow.</summary>
    public TimeSpan OutageTolerance { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Over how long renewals are spread that an operator or a tainted authority asks for.</summary>
    public TimeSpan Spread { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Renewals a second, at most; 0 for twice what the fleet's certificates need, and never less than 50.</summary>
    public int MaxPerSecond { get; init; }

    /// <summary>What happens to a device of whom two seem to exist.</summary>
    public ClonePolicy OnClone { get; init; } = ClonePolicy.Alert;

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        if (OutageTolerance < TimeSpan.Zero || OutageTolerance > MaxOutageTolerance) throw new ArgumentException($"Renewal:OutageTolerance must be 0 to {MaxOutageTolerance}, but is {OutageTolerance}.");
        if (Spread < MinSpread || Spread > MaxSpread) throw new ArgumentException($"Renewal:Spread must be {MinSpread} to {MaxSpread}, but is {Spread}.");
        if (MaxPerSecond is < 0 or > MaxMaxPerSecond) throw new ArgumentException($"Renewal:MaxPerSecond must be 0 to {MaxMaxPerSecond}, but is {MaxPerSecond}.");
        if (!Enum.IsDefined(OnClone)) throw new ArgumentException("Renewal:OnClone must be Alert or Suspend.");
    }
}
