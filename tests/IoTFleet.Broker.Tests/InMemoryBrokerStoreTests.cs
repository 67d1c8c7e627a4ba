using IoTFleet.Broker.Sessions;
using IoTFleet.Testing.Contracts;

namespace IoTFleet.Broker.Tests;

public sealed class InMemoryBrokerStoreTests : BrokerStoreContract
{
    protected override IBrokerStore Store { get; } = new InMemoryBrokerStore();

    protected override Task<IBrokerStore> ReopenAsync() => Task.FromResult(Store);
}
