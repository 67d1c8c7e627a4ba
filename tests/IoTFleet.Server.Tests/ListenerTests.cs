using System.Net.Sockets;
using System.Text;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The doors on their real listeners.</summary>
public sealed class ListenerTests
{
    [Fact]
    public async Task Who_stands_in_the_door_keeps_others_of_his_address_out_until_he_goes()
    {
        await using var server = await RunningServer.StartAsync(("Doors:MaxHandshakesPerAddress", "1"));
        using var certificate = await server.EnrolAsync("pump-7");
        using (var silent = await ConnectAsync(server.MqttPort))
        {
            Assert.True(IsClosing(await Record.ExceptionAsync(() => server.OpenAsync(certificate))));
            Assert.Equal(1, server.Refused("too-many-handshakes-from-address"));
        }

        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await using var device = await server.ConnectAsync("pump-7", certificate);
                return true;
            }
            catch (Exception closed) when (IsClosing(closed))
            {
                return false;       // the server has not noticed yet that he went
            }
        });
    }

    [Fact]
    public async Task What_is_no_tls_is_turned_away_at_both_ports()
    {
        await using var server = await RunningServer.StartAsync();
        foreach (var port in new[] { server.MqttPort, server.HttpsPort })
        {
            using var stranger = await ConnectAsync(port);
            await stranger.SendAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n\r\n"));

            Assert.Equal(0, await ReceiveAsync(stranger));
        }

        Assert.Equal(2, server.Refused("not-tls"));
    }

    [Fact]
    public async Task Setting_out_of_range_stops_the_start_with_its_name()
    {
        var problem = await Assert.ThrowsAsync<StartupException>(() => RunningServer.StartAsync(("Doors:HandshakesPerSecond", "0")));

        Assert.Equal("Doors:HandshakesPerSecond must be 1 to 100000.", problem.Message);
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", port);
        return socket;
    }

    /// <returns>0 when the connection was closed, however.</returns>
    private static async Task<int> ReceiveAsync(Socket socket)
    {
        try
        {
            return await socket.ReceiveAsync(new byte[1]).WaitAsync(TimeSpan.FromMinutes(1));
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    /// <summary>Where the server is quick, the connection is reset before the client believes that it stands.</summary>
    private static bool IsClosing(Exception? error) => error is IOException or SocketException;
}
