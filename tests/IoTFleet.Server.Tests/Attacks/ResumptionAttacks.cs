using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Broker;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>TLS sessions taken up again: after a revocation, at another port, at another server; and what can be asked of one that is open.</summary>
public sealed class ResumptionAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>, IDisposable
{
    private readonly OpensslClient _openssl = new(attacked.Server);

    private string Session => _openssl.File("session.pem");

    public void Dispose() => _openssl.Dispose();

    [Fact]
    public async Task Row_07_a_revoked_device_is_refused_with_a_new_handshake_and_with_an_old_session()
    {
        using var certificate = await attacked.Server.EnrolAsync("pump-70");
        await SayHelloAsync("somebody-else", certificate, "-tls1_2", "-sess_out", Session);
        await attacked.Server.Client.RevokeDeviceAsync("pump-70");

        await attacked.ExpectRefusedAsync("device-revoked", certificate, "pump-70");
        await attacked.ExpectNothingGainedAsync("device-revoked", async () =>
        {
            Assert.Contains("Reused, TLSv1.2", await SayHelloAsync("pump-70", certificate, "-tls1_2", "-sess_in", Session), StringComparison.Ordinal);
            return null;
        });
    }

    [Fact]
    public async Task Row_07_a_device_that_is_revoked_while_it_is_connected_is_closed()
    {
        using var certificate = await attacked.Server.EnrolAsync("pump-71");
        await using var device = await attacked.Server.ConnectAsync("pump-71", certificate);

        await attacked.Server.Client.RevokeDeviceAsync("pump-71");

        await device.ExpectDisconnectAsync(ReasonCode.AdministrativeAction);
        await attacked.ExpectRefusedAsync("device-revoked", certificate, "pump-71");
    }

    [Fact]
    public async Task Row_37_a_session_of_https_without_a_certificate_is_worth_nothing_at_mqtt()
    {
        await OpenHttpsSessionAsync();
        await attacked.ExpectNothingGainedAsync("no-certificate", () => ResumeAtMqttAsync());
    }

    [Fact]
    public async Task Row_37_a_session_of_https_with_a_claim_is_judged_anew_at_mqtt()
    {
        using var certificate = attacked.ForgedClaim();
        await OpenHttpsSessionAsync(_openssl.With(certificate, []));
        await attacked.ExpectNothingGainedAsync("issuer-purpose", () => ResumeAtMqttAsync(_openssl.With(certificate, [])));
    }

    [Fact]
    public async Task Row_37_a_session_of_one_server_is_worth_nothing_at_another()
    {
        await using var other = await RunningServer.StartAsync();
        using var theirs = await other.EnrolAsync("pump-7");
        using var openssl = new OpensslClient(other);
        await openssl.RunAsync(other.MqttPort, AttackedServer.Hello("somebody-else", ProtocolVersion.V5), ["-tls1_2", "-sess_out", Session, .. openssl.With(theirs, [])]);
        await attacked.ExpectNothingGainedAsync("untrusted", async () =>
        {
            var said = await ResumeAsync(openssl.With(theirs, []));
            Assert.DoesNotContain("Reused", said, StringComparison.Ordinal);
            return null;
        });
    }

    [Fact]
    public async Task Row_15_a_renegotiation_is_not_entered_into()
    {
        using var client = _openssl.Start(attacked.Server.MqttPort, ["-tls1_2", .. _openssl.With(attacked.Honest, [])]);
        await ReadUntilAsync(client, "Verify return code");
        await client.StandardInput.WriteAsync("R\n");
        await client.StandardInput.FlushAsync();

        await client.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Contains("RENEGOTIATING", await client.StandardError.ReadToEndAsync(), StringComparison.Ordinal);       // it asked, and the connection was over
        Assert.Equal(0, attacked.Server.Get<MqttBroker>().CountConnected(AttackedServer.Victim));
    }

    [Fact]
    public async Task Row_15_a_storm_of_key_updates_disturbs_nobody()
    {
        using var client = _openssl.Start(attacked.Server.MqttPort, ["-tls1_3", .. _openssl.With(attacked.Honest, [])]);
        await ReadUntilAsync(client, "Verify return code");
        await using var bystander = await attacked.Server.ConnectAsync(AttackedServer.Victim, attacked.Honest);
        for (var i = 0; i < 50 && !client.HasExited; i++)
        {
            await client.StandardInput.WriteAsync("K\n");
            await client.StandardInput.FlushAsync();
            await ReadUntilAsync(client, "KEYUPDATE", fromErrors: true);
        }

        await bystander.ExpectNothingAsync();
        client.Kill();
        await client.WaitForExitAsync();
    }

    private Task<string> SayHelloAsync(string clientId, X509Certificate2 certificate, params string[] arguments) =>
        _openssl.RunAsync(attacked.Server.MqttPort, AttackedServer.Hello(clientId, ProtocolVersion.V5), [.. _openssl.With(certificate, []), .. arguments]);

    private async Task OpenHttpsSessionAsync(params string[] certificate)
    {
        await _openssl.RunAsync(attacked.Server.HttpsPort, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), ["-tls1_2", "-sess_out", Session, .. certificate]);
        Assert.True(File.Exists(Session));
    }

    private async Task<ConnAckPacket?> ResumeAtMqttAsync(params string[] certificate)
    {
        Assert.Contains("Reused, TLSv1.2", await ResumeAsync(certificate), StringComparison.Ordinal);     // OpenSSL took it up; we do not go by it
        return null;
    }

    private Task<string> ResumeAsync(string[] certificate) =>
        _openssl.RunAsync(attacked.Server.MqttPort, AttackedServer.Hello(AttackedServer.Victim, ProtocolVersion.V5), ["-tls1_2", "-sess_in", Session, .. certificate]);

    private static async Task ReadUntilAsync(Process client, string text, bool fromErrors = false)
    {
        var reader = fromErrors ? client.StandardError : client.StandardOutput;
        while (await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)) is { } line)
        {
            if (line.Contains(text, StringComparison.Ordinal)) return;
        }
    }
}
