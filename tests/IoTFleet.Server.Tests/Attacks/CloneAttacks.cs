using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Two that hold one device's key.</summary>
public sealed class CloneAttacks
{
    private const string Device = "pump-7";

    [Fact]
    public async Task Row_25_two_that_keep_throwing_each_other_out_are_found_and_by_policy_suspended()
    {
        await using var server = await RunningServer.StartAsync(("Renewal:OnClone", "Suspend"));
        server.ExpectedEvents = ["CloneSuspected"];
        using var certificate = await server.EnrolAsync(Device);
        for (var turn = 0; turn < 8 && await StateAsync(server) == DeviceStates.Active; turn++) await ComeAsync(server, certificate, turn % 2 == 0 ? "127.0.0.2" : "127.0.0.3");

        await Eventually.TrueAsync(async () => await StateAsync(server) == DeviceStates.Suspended);
        await Eventually.TrueAsync(async () =>
        {
            await using var late = await server.OpenAsync(certificate);
            return (await late.ConnectAsync(Device)).Reason.IsFailure();
        });
        Assert.True(server.Refused("clone-hold") > 0);
    }

    [Fact]
    public async Task Row_25_one_takeover_is_a_device_that_came_back()
    {
        await using var server = await RunningServer.StartAsync();
        using var certificate = await server.EnrolAsync(Device);
        await using var first = await server.ConnectAsync(Device, certificate);
        await using var second = await server.ConnectAsync(Device, certificate);
        await first.ExpectDisconnectAsync(ReasonCode.SessionTakenOver);
        await second.ExpectNothingAsync();
        Assert.Equal(DeviceStates.Active, await StateAsync(server));
    }

    [Fact]
    public async Task Row_26_a_stolen_key_that_renews_first_suspends_the_device_when_it_comes()
    {
        await using var server = await RunningServer.StartAsync();
        server.ExpectedEvents = ["LineageForked"];
        using var honest = await server.EnrolAsync(Device);
        using var thiefs = await RenewAsync(server, honest);
        await using var thief = await server.ConnectAsync(Device, thiefs);
        await Eventually.TrueAsync(async () =>
        {
            // A device comes until it is told why not: one that was on its way in when its certificate was superseded is sent away without a look at the lineage.
            await using var device = await server.OpenAsync(honest);
            await device.ConnectAsync(Device);
            return await StateAsync(server) == DeviceStates.Suspended;
        });

        await using var again = await server.OpenAsync(thiefs);
        Assert.True((await again.ConnectAsync(Device)).Reason.IsFailure());
        Assert.True(server.Refused("lineage-fork") > 0);
    }

    private static async Task<string> StateAsync(RunningServer server) => (await server.Client.GetDeviceAsync(Device)).State;

    private static async Task ComeAsync(RunningServer server, X509Certificate2 certificate, string from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync("127.0.0.1", server.MqttPort);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(server.TlsOptions(certificate));
        var client = new RawClient(DuplexPipe.Over(tls), ProtocolVersion.V5);
        await client.ConnectAsync(Device);      // stays until the other throws it out
    }

    private static async Task<X509Certificate2> RenewAsync(RunningServer server, X509Certificate2 present)
    {
        using var http = new HttpClient(new SocketsHttpHandler { SslOptions = server.TlsOptions(present) });
        var request = new RenewCertificateRequest { Request = Convert.ToBase64String(TestPki.Request(Device, out var key)) };
        using var answer = await http.PostAsJsonAsync($"https://localhost:{server.HttpsPort}/.well-known/iotfleet/v1/renew", request, ApiJson.Default.RenewCertificateRequest);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var renewed = await answer.Content.ReadFromJsonAsync(ApiJson.Default.DeviceEnrolment);
        using (key)
        using (var certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(renewed!.Certificate)))
        {
            return certificate.CopyWithPrivateKey(key);
        }
    }
}
