using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet.Sessions;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Server.Mqtt;
using IoTFleet.Testing;
using IoTFleet.Testing.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Server.Tests;

public sealed class DbBrokerStoreTests : BrokerStoreContract, IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly StrictLog _log = new();
    private readonly ServiceProvider _services;
    private DbBrokerStore _store = null!;

    public DbBrokerStoreTests() => _services = new ServiceCollection()
        .AddLogging(logging => logging.AddProvider(_log))
        .AddSqliteSessions(Path.Combine(_folder.Path, "sessions.db"))
        .BuildServiceProvider();

    protected override IBrokerStore Store => _store;

    public async ValueTask InitializeAsync()
    {
        _store = NewStore();
        await _store.LoadAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _services.DisposeAsync();
        _folder.Dispose();
    }

    protected override async Task<IBrokerStore> ReopenAsync()
    {
        await _store.DisposeAsync();
        return _store = NewStore();
    }

    [Fact]
    public async Task What_is_appended_before_a_stop_is_stored_and_what_comes_after_is_not()
    {
        var before = AppendAsync(Opened(1));
        await _store.StopAsync();

        await before;
        await Assert.ThrowsAsync<SessionsNotStoredException>(() => AppendAsync(Opened(2)));
    }

    [Fact]
    public async Task Units_that_wait_share_a_transaction()
    {
        var commits = _store.Commits;

        await Task.WhenAll(Enumerable.Range(1, 500).Select(number => AppendAsync(Opened(number))));

        Assert.InRange(_store.Commits - commits, 1, 100);
    }

    [Fact]
    public async Task A_unit_that_the_database_does_not_take_takes_no_other_with_it()
    {
        Task[] units = [AppendAsync(Opened(1)), AppendAsync(new StoreChange.SessionOpened(2, null!, default)), AppendAsync(Opened(3))];

        await Assert.ThrowsAsync<SessionsNotStoredException>(() => Task.WhenAll(units));

        Assert.Equal([true, false, true], units.Select(unit => unit.IsCompletedSuccessfully));
        Assert.Equal([1, 3], (await (await ReopenAsync()).LoadAsync(CancellationToken.None)).Sessions.Select(session => session.Number));
        Assert.Equal(1, _log.Count("SessionsNotStored"));
    }

    [Fact]
    public async Task A_unit_is_stored_whole_or_not_at_all()
    {
        await Assert.ThrowsAsync<SessionsNotStoredException>(() => AppendAsync(Opened(1), new StoreChange.SessionOpened(2, null!, default)));

        Assert.Empty((await (await ReopenAsync()).LoadAsync(CancellationToken.None)).Sessions);
    }

    private DbBrokerStore NewStore() =>
        new(_services.GetRequiredService<SessionsDatabase>(), TimeProvider.System, _services.GetRequiredService<ILogger<DbBrokerStore>>());
}
