using IoTFleet.Device.Renewal;
using IoTFleet.Fleet.Certificates;

namespace IoTFleet.Device.Tests;

/// <summary>
/// A whole fleet in simulated time: each device decides by the SDK's own code, the server by its own. Only the certificates are not real.
/// </summary>
public sealed class FleetRenewalTests(ITestOutputHelper output)
{
    private const int Devices = 20_000;
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <summary>10-minute certificates, the authority away for six minutes at a stretch: three fifths of a certificate's life.</summary>
    [Theory]
    [InlineData(1, 6)]
    [InlineData(2, 3)]
    [InlineData(6, 1)]
    public void Twenty_thousand_devices_outlive_an_authority_that_is_away_for_a_tenth_of_the_time(int outages, int minutes)
    {
        var fleet = new SimulatedFleet(Devices, TimeSpan.FromMinutes(10), Enumerable.Range(0, outages).Select(n => (TimeSpan.FromMinutes(15 + (n * 40 / outages)), TimeSpan.FromMinutes(minutes))));

        fleet.Run(Hour);

        output.WriteLine(fleet.ToString());
        Assert.Equal(0, fleet.Ended);
        Assert.True(fleet.PeakAfterRecovery <= 2 * fleet.Mean, fleet.ToString());
        Assert.True(fleet.Renewals > Devices * 15, fleet.ToString());
    }

    /// <summary>The whole fleet wants at once, as after a tainted authority: the server's window spreads it.</summary>
    [Fact]
    public void An_urgent_renewal_of_the_whole_fleet_is_spread_over_the_servers_interval()
    {
        var fleet = new SimulatedFleet(Devices, TimeSpan.FromDays(30), []);
        fleet.AskAllToRenew(new RenewalOptions().Spread);

        fleet.Run(2 * Hour);

        output.WriteLine(fleet.ToString());
        Assert.Equal(Devices, fleet.Renewals);
        Assert.True(fleet.Peak <= 2.0 * Devices / Hour.TotalSeconds, fleet.ToString());
    }
}

/// <summary>Events in order of their time; no sockets, no keys, no threads.</summary>
internal sealed class SimulatedFleet
{
    private const int Bin = 10;
    private static readonly TimeSpan Backdate = TimeSpan.FromHours(1);

    private readonly SimulatedClock _clock = new();
    private readonly RenewalOptions _options = new();
    private readonly RenewalTurns _turns;
    private readonly Random _dice = new(20_000);
    private readonly TimeSpan _life;
    private readonly DateTimeOffset _start;
    private readonly (DateTimeOffset From, DateTimeOffset To)[] _outages;
    private readonly PriorityQueue<SimulatedDevice, DateTimeOffset> _events = new();
    private readonly List<SimulatedDevice> _devices = [];
    private readonly Dictionary<int, int> _requests = [];
    private int _sentAway;
    private int _unanswered;

    public SimulatedFleet(int devices, TimeSpan life, IEnumerable<(TimeSpan At, TimeSpan For)> outages)
    {
        (_life, _start, _turns) = (life, _clock.Now, new RenewalTurns(_options, _clock));
        _outages = [.. outages.Select(outage => (_start + outage.At, _start + outage.At + outage.For))];
        var age = RenewalWindow.Age(life, _options.OutageTolerance);
        _turns.Expect(devices / age.TotalSeconds);      // what ForecastExpiry finds out for such a fleet
        for (var n = 0; n < devices; n++)
        {
            var device = new SimulatedDevice($"d-{n:x6}");
            _devices.Add(device);
            Issue(device, _start - (age * 0.89 * _dice.NextDouble()));     // a fleet that has lived for a while, and of whom nobody is late
        }
    }

    public int Renewals { get; private set; }

    /// <summary>Certificates that ended before they were renewed.</summary>
    public int Ended { get; private set; }

    /// <summary>Requests a second, of any outcome, before the first outage; over all when there is none.</summary>
    public double Mean => Rate(_start, _outages.Length > 0 ? _outages[0].From : _clock.Now);

    public double Peak => _requests.Values.Max() / (double)Bin;

    /// <summary>The largest number of requests in ten seconds when the server was there again, a second.</summary>
    public double PeakAfterRecovery => _requests.Where(bin => _outages.Any(outage => _start.AddSeconds(bin.Key * Bin) >= outage.To) && !IsAway(_start.AddSeconds(bin.Key * Bin))).Max(bin => bin.Value) / (double)Bin;

    public void AskAllToRenew(TimeSpan over)
    {
        _events.Clear();
        foreach (var device in _devices)
        {
            var window = RenewalWindow.Urgent(device.Id, device.Life, _start, _options, _start);
            Assert.True(window.Start <= _start + over);
            Plan(device, window);
        }
    }

    public void Run(TimeSpan time)
    {
        while (_events.TryPeek(out _, out var at) && at < _start + time)
        {
            _clock.Now = at;
            Ask(_events.Dequeue());
        }

        _clock.Now = _start + time;
        Ended += _devices.Count(device => device.Life.End < _clock.Now);
    }

    public override string ToString() =>
        $"{_devices.Count} devices: {Renewals} renewals, {Ended} ended, {_unanswered} requests unanswered, {_sentAway} given a turn; "
        + $"requests/s: mean {Mean:0}, peak {Peak:0}" + (_outages.Length == 0 ? "" : $", peak after recovery {PeakAfterRecovery:0} ({PeakAfterRecovery / Mean:0.00} x mean)");

    private void Ask(SimulatedDevice device)
    {
        var now = _clock.Now;
        if (now > device.Life.End) Ended++;
        var bin = (int)((now - _start).TotalSeconds / Bin);
        _requests[bin] = _requests.GetValueOrDefault(bin) + 1;
        var remaining = device.Life.End - now;
        if (IsAway(now))
        {
            _unanswered++;
            Retry(device, remaining, asked: null);
        }
        else if (_turns.Ask(device.Id, remaining) is { } wait)
        {
            _sentAway++;
            Retry(device, remaining, wait);
        }
        else
        {
            Renewals++;
            Issue(device, now);
        }
    }

    private void Retry(SimulatedDevice device, TimeSpan remaining, TimeSpan? asked) =>
        _events.Enqueue(device, _clock.Now + RenewalTimes.Retry(device.Life.Length, remaining, ++device.Failures, asked, _dice.NextDouble()));

    private void Issue(SimulatedDevice device, DateTimeOffset at)
    {
        device.Failures = 0;
        device.Life = CertificateLife.Of(at - Backdate, at + _life, Backdate);
        Plan(device, RenewalWindow.Regular(device.Id, device.Life, _options, at));
    }

    private void Plan(SimulatedDevice device, RenewalWindow window)
    {
        var at = RenewalTimes.Within(new RenewalAdvice(window.Start, window.End, window.RetryAfter), device.Id);
        _events.Enqueue(device, at > _start ? at : _start.AddSeconds(_dice.NextDouble()));
    }

    private bool IsAway(DateTimeOffset now) => _outages.Any(outage => now >= outage.From && now < outage.To);

    private double Rate(DateTimeOffset from, DateTimeOffset to) =>
        _requests.Where(bin => _start.AddSeconds(bin.Key * Bin) >= from && _start.AddSeconds(bin.Key * Bin) < to).Sum(bin => bin.Value) / (to - from).TotalSeconds;

    private sealed class SimulatedDevice(string id)
    {
        public string Id { get; } = id;

        public CertificateLife Life { get; set; }

        public int Failures { get; set; }
    }

    private sealed class SimulatedClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
