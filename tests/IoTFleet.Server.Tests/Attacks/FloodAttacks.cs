using System.Net.Sockets;
using IoTFleet.Broker;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Many that come at once, and those that come and do not go on. What a real flood costs is the hostile benchmark's to say.</summary>
public sealed class FloodAttacks
{
    private const int Many = 60;

    [Fact]
    public async Task Row_13_who_connects_and_drops_leaves_the_room_to_others()
    {
        await using var server = await RunningServer.StartAsync(("Doors:MaxHandshakes", "8"), ("Doors:MaxWaitingHandshakes", "8"));
        using var certificate = await server.EnrolAsync("pump-7");
        await using var device = await server.ConnectAsync("pump-7", certificate);
        for (var i = 0; i < Many * 5; i++)
        {
            using var socket = await ConnectAsync(server);
            if (i % 2 == 0 && socket.Connected) await TrySendAsync(socket, [22, 3, 1, 2]);
        }

        await device.ExpectNothingAsync();
        await ExpectServedAsync(server, "pump-8");
    }

    [Fact]
    public async Task Row_13_more_handshakes_than_may_be_are_turned_away_and_counted()
    {
        await using var server = await RunningServer.StartAsync(("Doors:MaxHandshakesPerAddress", "10"));
        using var certificate = await server.EnrolAsync("pump-7");
        await using var device = await server.ConnectAsync("pump-7", certificate);
        var sockets = new List<Socket>();
        for (var i = 0; i < Many; i++) sockets.Add(await ConnectAsync(server));

        await Eventually.TrueAsync(() => Task.FromResult(server.Refused("too-many-handshakes-from-address") == Many - 10));
        await device.ExpectNothingAsync();
        Assert.Equal(1, server.Get<BrokerMetrics>().ClientsSinceStart);
        sockets.ForEach(socket => socket.Dispose());
        await ExpectServedAsync(server, "pump-8");
    }

    [Theory]
    [InlineData("")]
    [InlineData("16")]
    [InlineData("16030100c8010000")]
    public async Task Row_14_who_stops_in_the_handshake_is_cut_in_time(string said)
    {
        await using var server = await RunningServer.StartAsync(("Doors:HandshakeTimeout", "00:00:01"));
        var sockets = new List<Socket>();
        for (var i = 0; i < Many; i++)
        {
            sockets.Add(await ConnectAsync(server));
            await TrySendAsync(sockets[^1], Convert.FromHexString(said));
        }

        await ExpectServedAsync(server, "pump-7");
        foreach (var socket in sockets) await ExpectCutAsync(socket);
        Assert.Equal(Many, server.Refused("handshake-timeout"));
    }

    [Fact]
    public async Task Row_14_who_does_not_say_connect_is_cut_in_time()
    {
        await using var server = await RunningServer.StartAsync(("Broker:ConnectTimeout", "00:00:01"));
        using var certificate = await server.EnrolAsync("pump-7");
        await using var silent = await server.OpenAsync(certificate);
        await using var slow = await server.OpenAsync(certificate);
        await slow.SendAsync("10 20");

        await silent.ExpectClosedAsync();
        await slow.ExpectClosedAsync();

        Assert.Equal(2, server.Refused("connect-timeout"));
        Assert.Equal(0, server.Get<BrokerMetrics>().ClientsSinceStart);
    }

    private static async Task ExpectServedAsync(RunningServer server, string deviceId)
    {
        using var certificate = await server.EnrolAsync(deviceId);
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await using var device = await server.ConnectAsync(deviceId, certificate);
                await device.ExpectNothingAsync();
                return true;
            }
            catch (IOException)
            {
                return false;       // the server has not noticed yet that others went
            }
        });
    }

    private static async Task<Socket> ConnectAsync(RunningServer server)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync("127.0.0.1", server.MqttPort);
        }
        catch (SocketException)
        {
            // Turned away so soon that connecting fails already.
        }

        return socket;
    }

    private static async Task TrySendAsync(Socket socket, byte[] bytes)
    {
        try
        {
            await socket.SendAsync(bytes);
        }
        catch (SocketException)
        {
            // Turned away already.
        }
    }

    private static async Task ExpectCutAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                Assert.Equal(0, await socket.ReceiveAsync(new byte[1]).WaitAsync(TimeSpan.FromMinutes(1)));
            }
            catch (SocketException)
            {
                // Cut, too.
            }
        }
    }
}
