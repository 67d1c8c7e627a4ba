using IoTFleet.Broker.Connections;

namespace IoTFleet.Conformance.Targets;

internal sealed class InProcessTarget : Target
{
    private readonly InMemoryBroker _broker = new();
    private int _assigned;

    /// <summary>Lets everybody in, and gives an identifier to whom has none, as the product does for service certificates.</summary>
    public InProcessTarget() =>
        _broker.Access.Admit = connect => new Admission.Accepted(new NamedPrincipal(connect.ClientId is "" ? $"assigned-{Interlocked.Increment(ref _assigned)}" : connect.ClientId));

    public override InMemoryBroker InProcess(string why) => _broker;

    public override Task<RawClient> OpenAsync(ProtocolVersion version) => Task.FromResult(_broker.Open(version));

    public override async Task LoseAsync(RawClient client)
    {
        await client.DisposeAsync();
        await client.Handled;
    }

    public override Task PassAsync(TimeSpan time)
    {
        _broker.Clock.Advance(time);
        return Task.CompletedTask;
    }

    public override ValueTask DisposeAsync() => _broker.DisposeAsync();
}
