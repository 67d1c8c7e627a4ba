namespace IoTFleet.Conformance.Targets;

internal sealed class InProcessTarget : Target
{
    private readonly InMemoryBroker _broker = new();

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
