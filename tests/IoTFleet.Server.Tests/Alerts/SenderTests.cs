using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Server.Alerts;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Server.Tests.Alerts;

/// <summary>Deliveries with two senders on one database, and with one that dies.</summary>
public sealed class SenderTests
{
    private static readonly (string Name, string Value)[] Local = [("Webhooks:AllowPrivateAddresses", "true"), ("Webhooks:AllowHttp", "true"), ("Webhooks:Timeout", "00:01:59")];

    [Fact]
    public async Task What_one_sender_is_sending_no_other_sends()
    {
        await using var receiver = (await Receiver.StartAsync()).HoldNext();
        await using var server = await RunningServer.StartAsync(Local);
        await server.Client.CreateWebhookAsync(new Api.CreateWebhookRequest { Id = "ops", Url = receiver.Url });
        await AddAsync(server, "d1");
        await Eventually.TrueAsync(() => Task.FromResult(receiver.Calls.Count == 1)); // The server's own is in the middle of it.

        var signals = new RuleSignals();
        using var other = Another(server, signals);
        await other.StartAsync(default);
        await AddAsync(server, "d2");
        signals.DeliveriesWait();

        await Eventually.TrueAsync(() => Task.FromResult(receiver.Calls.Any(call => call.Delivery == "d2"))); // so the other has looked
        receiver.Release();
        await Eventually.TrueAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "delivered")).Items is [{ Attempts: 1 }, { Attempts: 1 }]);
        Assert.Equal(["d1", "d2"], receiver.Calls.Select(call => call.Delivery));
        await other.StopAsync(default);
    }

    [Fact]
    public async Task A_sender_that_stops_in_the_middle_leaves_the_delivery_to_the_next_at_once()
    {
        await using var receiver = (await Receiver.StartAsync()).HoldNext();
        await using var server = await RunningServer.StartAsync(Local);
        await server.Client.CreateWebhookAsync(new Api.CreateWebhookRequest { Id = "ops", Url = receiver.Url });
        await AddAsync(server, "d1");
        await Eventually.TrueAsync(() => Task.FromResult(receiver.Calls.Count == 1));

        await server.RestartAsync();

        await Eventually.TrueAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "delivered")).Items is [{ Attempts: 1 }]);
        Assert.Equal(["d1", "d1"], receiver.Calls.Select(call => call.Delivery));
    }

    [Fact]
    public async Task What_a_server_was_sending_when_it_was_killed_is_sent_by_the_next_under_the_same_id()
    {
        using var folder = new TemporaryFolder();
        await using var receiver = (await Receiver.StartAsync()).HoldNext();
        await using (var before = await RunningServer.StartAsync(folder, keepFolder: true, Local))
            await before.Client.CreateWebhookAsync(new Api.CreateWebhookRequest { Id = "ops", Url = receiver.Url });
        await using (var services = new ServiceCollection().AddLogging().AddSqliteFleet(folder.File("fleet.db")).BuildServiceProvider())
        await using (var db = await services.GetRequiredService<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync())
            await AddAsync(db, "d1");

        await using (var first = Program(folder))
        {
            var ready = await first.ReadyAsync(folder.Path);
            await Eventually.TrueAsync(() => Task.FromResult(!receiver.Calls.IsEmpty), TimeSpan.FromSeconds(180));
            ServerProgram.Kill(ready.ProcessId);
            await first.ExitCodeAsync();
        }
        File.Delete(folder.File(ServerFile.FileName));
        await using var second = Program(folder);
        await Eventually.TrueAsync(() => Task.FromResult(receiver.Calls.Count >= 2), TimeSpan.FromSeconds(180));

        Assert.Single(receiver.Calls.Select(call => (call.Delivery, call.Body, call.Event)).Distinct());
    }

    private static ServerProgram Program(TemporaryFolder folder) => ServerProgram.Start(
        ["--data", folder.Path, "--mqtt-port", "0", "--https-port", "0"],
        ("Webhooks__AllowPrivateAddresses", "true"), ("Webhooks__AllowHttp", "true"), ("Webhooks__Timeout", "00:00:05"));

    private static AlertSender Another(RunningServer server, RuleSignals signals) => new(
        new DeliveryQueue(server.Get<IDbContextFactory<FleetDbContext>>(), TimeProvider.System), signals, server.Get<WebhookCall>(), server.Get<MqttBroker>(), server.Get<WebhookOptions>(),
        TimeProvider.System, server.Get<ILogger<AlertSender>>());

    private static async Task AddAsync(RunningServer server, string id)
    {
        await using var db = await server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        await AddAsync(db, id);
        server.Get<RuleSignals>().DeliveriesWait();
    }

    private static async Task AddAsync(FleetDbContext db, string id)
    {
        var now = TimeProvider.System.GetUtcNow();
        db.AlertDeliveries.Add(new AlertDelivery
        {
            Id = id,
            WebhookId = "ops",
            AlertId = "a",
            Event = "alert.opened",
            Topic = "alerts/default/pump-7/hot",
            Body = "{}",
            CreatedAt = now,
            StartedAt = now,
            NextAttemptAt = now,
        });
        await db.SaveChangesAsync();
    }
}
