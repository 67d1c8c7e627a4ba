using System.Net;
using IoTFleet.Broker;
using IoTFleet.Server.Doors;
using IoTFleet.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Server.Tests;

/// <summary>Who is let in to TLS, over pipes in place of sockets.</summary>
public sealed class DoorkeeperTests : IDisposable
{
    private static readonly byte[] Hello = [22, 3, 1, 0, 4, 1, 2, 3, 4];

    private readonly FakeClock _clock = new();
    private readonly BrokerMetrics _metrics = new();
    private readonly DoorOptions _options = new();
    private readonly List<Visitor> _visitors = [];
    private HandshakeTurns? _turns;
    private Doorkeeper? _door;

    private Doorkeeper Door => _door ??= new Doorkeeper(
        _options,
        _options.MaxMqttConnections,
        _turns = new HandshakeTurns(_options.HandshakesPerSecond, _options.MaxHandshakes, _clock),
        new RefusalLog(_clock, _metrics, NullLogger<RefusalLog>.Instance),
        _clock);

    public void Dispose()
    {
        foreach (var visitor in _visitors) visitor.Leave();
        _turns?.Dispose();
        _metrics.Dispose();
    }

    [Fact]
    public async Task Whole_hello_is_let_through_unread()
    {
        var visitor = Come();
        await visitor.SayAsync(Hello);

        Assert.Equal(Hello, await visitor.HeardInsideAsync());
    }

    [Fact]
    public async Task Hello_in_pieces_is_let_through_with_its_last_byte()
    {
        var visitor = Come();
        foreach (var one in Hello[..^1]) await visitor.SayAsync([one]);
        Assert.False(visitor.Inside.IsCompleted);

        await visitor.SayAsync(Hello[^1..]);

        Assert.Equal(Hello, await visitor.HeardInsideAsync());
    }

    [Fact]
    public async Task What_is_no_tls_is_turned_away_at_its_first_byte()
    {
        var visitor = Come();

        await visitor.SayAsync([0x10]);

        await visitor.Gone;
        Assert.Equal(1, Refused("not-tls"));
    }

    [Fact]
    public async Task Who_says_nothing_is_turned_away_in_time()
    {
        var visitor = Come();
        await visitor.SayAsync(Hello[..3]);

        _clock.Advance(_options.HandshakeTimeout);

        await visitor.Gone;
        Assert.Equal((1, 0, 0), (Refused("handshake-timeout"), Door.Open, Door.Unproven));
    }

    [Fact]
    public async Task Who_stops_within_the_handshake_is_cut_in_time()
    {
        var visitor = Come();
        await visitor.SayAsync(Hello);
        await visitor.Inside;

        _clock.Advance(_options.HandshakeTimeout);

        Assert.True(visitor.Aborted);
        Assert.Equal(1, Refused("handshake-timeout"));
    }

    [Fact]
    public async Task Who_is_through_has_all_the_time()
    {
        var visitor = Come();
        await visitor.SayAsync(Hello);
        await visitor.Inside;

        visitor.Prove();
        _clock.Advance(TimeSpan.FromDays(1));

        Assert.False(visitor.Aborted);
        Assert.Equal((1, 0), (Door.Open, Door.Unproven));
    }

    [Fact]
    public void One_too_many_is_turned_away_at_once()
    {
        _options.MaxMqttConnections = 10;
        for (var i = 0; i < 10; i++) Come($"10.0.0.{i}");

        Assert.True(Come("10.0.1.1").Gone.IsCompleted);

        Assert.Equal((1, 10), (Refused("too-many-connections"), Door.Open));
    }

    [Fact]
    public void One_too_many_from_an_address_is_turned_away_and_others_are_not()
    {
        _options.MaxConnectionsPerAddress = 2;
        Come("10.0.0.1");
        Come("10.0.0.1");

        Assert.True(Come("::ffff:10.0.0.1").Gone.IsCompleted);

        Assert.False(Come("10.0.0.2").Gone.IsCompleted);
        Assert.Equal(1, Refused("too-many-from-address"));
    }

    [Fact]
    public void Addresses_of_one_ipv6_network_are_one_source()
    {
        _options.MaxConnectionsPerAddress = 1;
        Come("2001:db8:1:2::1");

        Assert.True(Come("2001:db8:1:2:ffff::9").Gone.IsCompleted);
        Assert.False(Come("2001:db8:1:3::1").Gone.IsCompleted);
    }

    [Fact]
    public async Task Unfinished_handshakes_of_an_address_have_a_limit_of_their_own()
    {
        _options.MaxHandshakesPerAddress = 1;
        var first = Come();
        Assert.True(Come().Gone.IsCompleted);
        Assert.Equal(1, Refused("too-many-handshakes-from-address"));

        await first.SayAsync(Hello);
        await first.Inside;
        first.Prove();

        Assert.False(Come().Gone.IsCompleted);
    }

    [Fact]
    public void Newest_is_turned_away_when_too_many_wait()
    {
        (_options.MaxHandshakes, _options.MaxWaitingHandshakes) = (2, 3);
        for (var i = 0; i < 5; i++) Come($"10.0.0.{i}");

        Assert.True(Come("10.0.1.1").Gone.IsCompleted);

        Assert.Equal((1, 5), (Refused("too-many-handshakes"), Door.Unproven));
    }

    [Fact]
    public async Task Handshakes_beyond_the_pace_wait_for_their_turn()
    {
        _options.HandshakesPerSecond = 10;
        var (first, second) = (Come(), Come());
        await first.SayAsync(Hello);
        await first.Inside;
        await second.SayAsync(Hello);
        Assert.False(second.Inside.IsCompleted);

        _clock.Advance(TimeSpan.FromMilliseconds(101));

        await second.Inside;
    }

    [Theory]
    [InlineData(1_000_000, 20_000, 2_000)]
    [InlineData(20_000, 20_000 - 2_000 - 256, 2_000)]
    [InlineData(1_024, 1_024 - 102 - 256, 102)]
    [InlineData(null, 20_000, 2_000)]
    public void Connections_never_use_up_the_files(int? files, int mqtt, int https) => Assert.Equal((mqtt, https), OpenFiles.Connections(new DoorOptions(), files));

    [Fact]
    public void Limit_of_open_files_is_known_on_linux() => Assert.Equal(OperatingSystem.IsLinux(), OpenFiles.Limit() is > 0);

    [Fact]
    public async Task Who_goes_away_leaves_room()
    {
        _options.MaxConnectionsPerAddress = 1;
        var first = Come();

        first.Leave();
        await first.Gone;

        Assert.False(Come().Gone.IsCompleted);
    }

    private long Refused(string reason) => _metrics.RefusalsByReason().GetValueOrDefault(reason);

    private Visitor Come(string address = "10.0.0.1")
    {
        var visitor = new Visitor(Door, IPAddress.Parse(address));
        _visitors.Add(visitor);
        return visitor;
    }

    /// <summary>A connection, and what stands behind the door in place of TLS.</summary>
    private sealed class Visitor
    {
        private readonly DuplexPipe _near;
        private readonly PipeConnection _connection;
        private readonly TaskCompletionSource _inside = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Visitor(Doorkeeper door, IPAddress address)
        {
            (_near, var far) = DuplexPipe.CreatePair();
            _connection = new PipeConnection(far) { RemoteEndPoint = new IPEndPoint(address, 40_000) };
            Gone = door.EnterAsync(_connection, async _ =>
            {
                _inside.SetResult();
                await _left.Task;
            });
        }

        public Task Gone { get; }

        /// <summary>Completes when TLS may begin.</summary>
        public Task Inside => _inside.Task.WaitAsync(TimeSpan.FromMinutes(1));

        public bool Aborted => _connection.Aborted;

        public async Task SayAsync(byte[] bytes) => await _near.Output.WriteAsync(bytes);

        public async Task<byte[]> HeardInsideAsync()
        {
            await Inside;
            var read = await _connection.Transport.Input.ReadAsync();
            return System.Buffers.BuffersExtensions.ToArray(read.Buffer);
        }

        public void Prove() => Doorkeeper.Proven(_connection);

        public void Leave()
        {
            _near.Output.Complete();
            _left.TrySetResult();
        }
    }
}
