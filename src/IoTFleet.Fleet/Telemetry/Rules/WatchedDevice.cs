namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>A device as the watch knows it. Belongs to its loop.</summary>
internal sealed class WatchedDevice(string id)
{
    private Standing?[] _standings = [];

    internal string Id => id;
    internal string Group { get; set; } = Enrolment.EnrolmentGroup.DefaultId;

    /// <summary>Only a device that may connect can be silent.</summary>
    internal bool Active { get; set; }

    /// <summary>When its last message arrived, or if there was none, when it was let in.</summary>
    internal long HeardUs { get; set; } = Standing.Never;

    internal RuleSet Set { get; private set; } = RuleSet.None;

    internal Standing? At(int place) => _standings[place];

    internal IEnumerable<(WatchedRule Rule, Standing Standing)> Standings
    {
        get
        {
            for (var place = 0; place < _standings.Length; place++)
            {
                if (_standings[place] is { } standing) yield return (Set.Rules[place], standing);
            }
        }
    }

    internal Standing Begin(int place) => _standings[place] ??= new Standing();

    /// <summary>What is known stays for a rule that is the same, and of one that has changed its alert.</summary>
    /// <returns>How many standings more there are.</returns>
    internal int Follow(RuleSet set)
    {
        if (ReferenceEquals(set, Set)) return 0;
        var before = Standings.ToDictionary(known => known.Rule.Rule.Id, StringComparer.Ordinal);
        var standings = new Standing?[set.Rules.Length];
        for (var place = 0; place < standings.Length; place++)
        {
            if (!before.TryGetValue(set.Rules[place].Rule.Id, out var known)) continue;
            standings[place] = known.Rule.Rule.ChangedAt == set.Rules[place].Rule.ChangedAt ? known.Standing : known.Standing.Renewed();
        }
        (Set, _standings) = (set, standings);
        return standings.Count(standing => standing is not null) - before.Count;
    }
}
