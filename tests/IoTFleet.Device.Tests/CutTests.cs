using IoTFleet.Device.Tests.Support;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>
/// A connection that ends, or falls silent in one direction, anywhere in its life: each message is acknowledged in the end, and what came over each connection came in
/// order. With the outbox in memory and on disk, with TLS and without.
/// </summary>
public sealed class CutTests : IDisposable
{
    // CONNECT CONNACK SUBSCRIBE SUBACK, five PUBLISH and their PUBACKs.
    private const int Packets = 14;
    private const int Messages = 5;
    private const int Rounds = 200;

    private readonly TemporaryFolder _folder = new();

    /// <summary>Behind each packet, whichever direction it went.</summary>
    public static TheoryData<int, Cut, bool> Boundaries
    {
        get
        {
            var all = new TheoryData<int, Cut, bool>();
            for (var packets = 1; packets <= Packets; packets++)
            {
                foreach (var cut in Enum.GetValues<Cut>())
                {
                    all.Add(packets, cut, false);
                    all.Add(packets, cut, true);
                }
            }

            return all;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Boundaries))]
    public async Task Behind_any_packet_nothing_is_lost_and_the_order_kept(int packets, Cut cut, bool onDisk)
    {
        // Long enough for a busy machine; one that it is too short for has another connection, and that is all.
        var patience = TimeSpan.FromMilliseconds(cut == Cut.Close ? 30_000 : 500);
        await using var broker = new ScriptedBroker();
        await using var proxy = new CuttingProxy(broker, packets, cut: cut);
        var options = Options(onDisk, round: 0) with { AckTimeout = patience, ConnectTimeout = patience, KeepAlive = TimeSpan.FromSeconds(1) };

        await DeliverAsync(
            () => Task.FromResult(DeviceClient.StartOver(proxy.DialAsync, options)), async enough => await broker.AcceptAsync(cancellation: enough), $"{cut} behind packet {packets}");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task At_any_of_200_random_bytes_nothing_is_lost_and_the_order_kept(bool onDisk)
    {
        var random = new Random(20261122);
        for (var round = 0; round < Rounds; round++)
        {
            var at = random.Next(1, 900);                      // CONNECT to the last PUBACK take 840 bytes or so: some are cut after all has been said
            await using var broker = new ScriptedBroker();
            await using var proxy = new CuttingProxy(broker, bytes: at);
            var options = Options(onDisk, round);
            await DeliverAsync(() => Task.FromResult(DeviceClient.StartOver(proxy.DialAsync, options)), async enough => await broker.AcceptAsync(cancellation: enough), $"cut at byte {at}");
        }
    }

    [Fact]
    public async Task At_any_of_200_random_bytes_of_TLS_nothing_is_lost_and_the_order_kept()
    {
        using var pki = new TestPki();
        using var certificate = pki.Server();
        var enrolled = await Devices.EnrolledAsync(pki);
        var random = new Random(20261123);
        var cuts = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var at = random.Next(1, 5000);
            await using var broker = new ScriptedBroker();
            await using var proxy = new ByteCuttingProxy(broker, at);
            var options = Options(onDisk: round % 2 == 0, round) with
            {
                KeyStore = enrolled.KeyStore,
                RootFingerprint = enrolled.RootFingerprint,
                BrokerHost = "localhost",
                BrokerPort = proxy.Port,
            };
            await DeliverAsync(() => DeviceClient.StartAsync(options), enough => broker.AcceptTlsAsync(pki, certificate, cancellation: enough), $"cut at byte {at}");
            cuts += proxy.Left <= 0 ? 1 : 0;
        }

        Assert.InRange(cuts, Rounds / 2, Rounds);              // or the bytes are not those of a session
    }

    private static async Task DeliverAsync(Func<Task<DeviceClient>> start, Func<CancellationToken, Task<BrokerEnd>> accept, string what)
    {
        using var enough = new CancellationTokenSource();
        var taking = TakeAllAsync(accept, enough.Token);
        var device = await start();
        var publishing = Enumerable.Range(1, Messages).Select(n => device.PublishAsync(null, Devices.Json($"{n}"))).ToArray();
        await Task.WhenAll(publishing).WaitAsync(Devices.Patience);
        await device.DisposeAsync();
        await enough.CancelAsync();

        var taken = await taking.WaitAsync(Devices.Patience);
        var said = $"{what}: {string.Join(" | ", taken.Select(one => string.Join(' ', one)))}";
        Assert.True(taken.SelectMany(one => one).Distinct().SequenceEqual(Enumerable.Range(1, Messages).Select(n => $"{n}")), said);
        Assert.All(taken, one => Assert.Equal(one.Order(), one));
    }

    // What came over each connection; a later one may begin before the end of an earlier one is noticed.
    private static async Task<List<List<string>>> TakeAllAsync(Func<CancellationToken, Task<BrokerEnd>> accept, CancellationToken enough)
    {
        var connections = new List<Task<List<string>>>();
        try
        {
            while (true)
                connections.Add((await accept(enough)).ObligeAsync());
        }
        catch (OperationCanceledException)
        {
            return [.. await Task.WhenAll(connections)];
        }
    }

    // Nobody listens at port 1: who is closed on without a word finds nobody to ask.
    private DeviceOptions Options(bool onDisk, int round) => Devices.Quick() with
    {
        Server = new Uri("https://localhost:1"),
        Outbox = new OutboxOptions { Folder = onDisk ? _folder.File($"outbox-{round}") : null },
    };
}
