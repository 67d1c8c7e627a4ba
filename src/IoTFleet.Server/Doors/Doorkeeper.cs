using System.Buffers.Binary;
using System.Net;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using Microsoft.AspNetCore.Connections;

namespace IoTFleet.Server.Doors;

/// <summary>
/// Stands before one port's TLS and counts: who is one too many is let go before he has cost anything, who says nothing is let go in time, and the others
/// are let through at a pace.
/// <code>
///   accept ─▶ room? ─▶ whole ClientHello ─▶ turn ─▶ TLS handshake ─▶ Proven ─▶ MQTT or HTTP ─▶ gone
///             └──────────── HandshakeTimeout for all of it ────────────┘
/// </code>
/// </summary>
internal sealed class Doorkeeper(DoorOptions options, int maxConnections, HandshakeTurns turns, RefusalLog refusals, TimeProvider clock)
{
    private readonly DoorOptions _options = options;
    private readonly HandshakeTurns _turns = turns;
    private readonly TimeProvider _clock = clock;
    private readonly Lock _gate = new();
    private readonly Dictionary<UInt128, Visitors> _byAddress = [];
    private int _open;
    private int _unproven;

    /// <summary>Open connections.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Those of them that are not through their handshake.</summary>
    public int Unproven => Volatile.Read(ref _unproven);

    public async Task EnterAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        using var visit = Count(connection);
        if (visit is null) return;
        connection.Features.Set(visit);
        if (!await visit.IsReadyAsync()) return;
        try
        {
            await next(connection);
        }
        finally
        {
            visit.Ended();
        }
    }

    /// <summary>For a port without TLS: counted alike, and nothing to prove.</summary>
    public async Task EnterPlainAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        using var visit = Count(connection);
        if (visit is null) return;
        visit.Proven();
        await next(connection);
    }

    /// <summary>To be called behind TLS: the handshake is over, its place is the next one's.</summary>
    public static void Proven(ConnectionContext connection) => connection.Features.Get<Visit>()?.Proven();

    /// <summary>To be called by whoever refuses the peer within the handshake, and says why.</summary>
    public static void Refused(ConnectionContext connection) => connection.Features.Get<Visit>()?.Refused();

    /// <returns>Null for who is one too many: he is gone.</returns>
    private Visit? Count(ConnectionContext connection)
    {
        var address = AddressKey(connection.RemoteEndPoint);
        if (TryCount(address) is not { } refusal) return new Visit(this, connection, address);
        Refuse(connection, refusal.Reason, refusal.Detail);
        connection.Abort();
        return null;
    }

    private (string Reason, string Detail)? TryCount(UInt128 address)
    {
        lock (_gate)
        {
            var visitors = _byAddress.GetValueOrDefault(address);
            if (_open >= maxConnections) return ("too-many-connections", $"This port has {maxConnections} connections already.");
            if (visitors.Open >= _options.MaxConnectionsPerAddress) return ("too-many-from-address", $"This address has {_options.MaxConnectionsPerAddress} connections already.");
            if (visitors.Unproven >= _options.MaxHandshakesPerAddress) return ("too-many-handshakes-from-address", $"This address has {_options.MaxHandshakesPerAddress} unfinished handshakes already.");
            if (_unproven >= _options.MaxHandshakes + _options.MaxWaitingHandshakes) return ("too-many-handshakes", $"{_unproven} connections wait for the end of their handshake already.");
            Change_NeedsGate(address, open: 1, unproven: 1);
            return null;
        }
    }

    private void Change(UInt128 address, int open, int unproven)
    {
        lock (_gate) Change_NeedsGate(address, open, unproven);
    }

    private void Change_NeedsGate(UInt128 address, int open, int unproven)
    {
        (_open, _unproven) = (_open + open, _unproven + unproven);
        var before = _byAddress.GetValueOrDefault(address);
        var visitors = new Visitors(before.Open + open, before.Unproven + unproven);
        if (visitors.Open == 0) _byAddress.Remove(address);
        else _byAddress[address] = visitors;
    }

    private void Refuse(ConnectionContext connection, string reason, string detail) =>
        refusals.Record(RefusalDoor.Handshake, reason, clientId: null, ClientIdentity.AddressOf(connection.RemoteEndPoint), detail);

    /// <summary>Whoever has one IPv6 address has 2^64 of them, so that the network counts.</summary>
    private static UInt128 AddressKey(EndPoint? peer)
    {
        if (peer is not IPEndPoint { Address: var address }) return 0;
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address.TryWriteBytes(bytes, out var length);
        if (length == 16) bytes[8..].Clear();
        else bytes[15] = 4;     // no network of IPv6
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    private readonly record struct Visitors(int Open, int Unproven);

    /// <summary>One connection, from its acceptance to its end.</summary>
    private sealed class Visit : IDisposable
    {
        private readonly Doorkeeper _door;
        private readonly ConnectionContext _connection;
        private readonly UInt128 _address;
        private readonly CancellationTokenSource _deadline;
        private readonly CancellationTokenRegistration _late;
        private bool _hasTurn;
        private int _proven;
        private int _isExplained;

        public Visit(Doorkeeper door, ConnectionContext connection, UInt128 address)
        {
            (_door, _connection, _address) = (door, connection, address);
            _deadline = new CancellationTokenSource(door._options.HandshakeTimeout, door._clock);
            _late = _deadline.Token.UnsafeRegister(static visit => ((Visit)visit!).OnLate(), this);
        }

        public async ValueTask<bool> IsReadyAsync()
        {
            try
            {
                if (!await HelloCameAsync()) return false;
                await _door._turns.EnterAsync(_deadline.Token);
                _hasTurn = true;
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);       // a handshake takes a millisecond: not on the thread that polls the sockets
                return true;
            }
            catch (Exception gone) when (gone is OperationCanceledException or IOException or ConnectionAbortedException or ConnectionResetException)
            {
                // It took too long, or went away. The deadline ends this wait before it calls OnLate, and what follows here would have it find nobody.
                if (_deadline.IsCancellationRequested) OnLate();
                return false;
            }
        }

        public void Proven()
        {
            if (Interlocked.Exchange(ref _proven, 1) == 1) return;
            _late.Dispose();
            _deadline.Dispose();
            if (_hasTurn) _door._turns.Leave();
            _door.Change(_address, open: 0, unproven: -1);
        }

        public void Refused() => Volatile.Write(ref _isExplained, 1);

        /// <summary>TLS itself does not tell why it gave up; that it did is said here, so that nobody is turned away without a trace.</summary>
        public void Ended()
        {
            if (Volatile.Read(ref _proven) == 1 || Interlocked.Exchange(ref _isExplained, 1) == 1) return;
            _door.Refuse(_connection, "handshake-failed", "The TLS handshake was begun and did not come to its end: version, suite, key or message not acceptable to one side, or broken off.");
        }

        public void Dispose()
        {
            Proven();
            _door.Change(_address, open: -1, unproven: 0);
        }

        private async ValueTask<bool> HelloCameAsync()
        {
            var input = _connection.Transport.Input;
            while (true)
            {
                var read = await input.ReadAsync(_deadline.Token);
                var arrival = ClientHello.Of(read.Buffer);
                input.AdvanceTo(read.Buffer.Start, arrival == ClientHello.Arrival.Whole ? read.Buffer.Start : read.Buffer.End);     // TLS reads it again
                if (arrival == ClientHello.Arrival.NotTls) _door.Refuse(_connection, "not-tls", "What came is not the beginning of a TLS handshake.");
                if (arrival != ClientHello.Arrival.Part) return arrival == ClientHello.Arrival.Whole;
                if (read.IsCompleted || read.IsCanceled) return false;
            }
        }

        private void OnLate()
        {
            if (Volatile.Read(ref _proven) == 1 || Interlocked.Exchange(ref _isExplained, 1) == 1) return;
            _door.Refuse(_connection, "handshake-timeout", $"The handshake was not over within {_door._options.HandshakeTimeout.TotalSeconds:0} s.");
            _connection.Abort();
        }
    }
}
