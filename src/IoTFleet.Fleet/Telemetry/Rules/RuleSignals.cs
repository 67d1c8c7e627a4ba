using System.Threading.Channels;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>Says that there is something to look at in the database. A signal that is lost costs time, since the listeners also look by themselves.</summary>
public sealed class RuleSignals
{
    private readonly Channel<bool> _rules = One();
    private readonly Channel<bool> _deliveries = One();

    /// <summary>Rules, or alerts by an operator, are not what they were.</summary>
    internal ChannelReader<bool> Rules => _rules.Reader;

    /// <summary>There is something to deliver.</summary>
    public ChannelReader<bool> Deliveries => _deliveries.Reader;

    internal void RulesChanged() => _rules.Writer.TryWrite(true);

    public void DeliveriesWait() => _deliveries.Writer.TryWrite(true);

    private static Channel<bool> One() => Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
}
