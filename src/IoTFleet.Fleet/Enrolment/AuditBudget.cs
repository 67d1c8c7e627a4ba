namespace IoTFleet.Fleet.Enrolment;

/// <summary>How many refusals of strangers are written down in a minute.</summary>
internal sealed class AuditBudget(TimeProvider clock)
{
    internal const int PerMinute = 60;

    private readonly Lock _gate = new();
    private DateTimeOffset _minute;
    private int _taken;

    public bool TryTake()
    {
        lock (_gate)
        {
            var now = clock.GetUtcNow();
            if (now - _minute >= TimeSpan.FromMinutes(1)) (_minute, _taken) = (now, 0);
            return _taken++ < PerMinute;
        }
    }
}
