using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using RenewCertificateRequest = IoTFleet.Api.RenewCertificateRequest;

namespace IoTFleet.Server.Tests;

/// <summary>Renewal, its window and the status, as a device meets them: TLS, HTTP and MQTT on loopback.</summary>
public sealed class RenewalDoorTests : IAsyncLifetime
{
    private const string Device = "pump-7";
    private static readonly Uri Renew = new("/.well-known/iotfleet/v1/renew", UriKind.Relative);
    private static readonly Uri Info = new("/.well-known/iotfleet/v1/renewal-info", UriKind.Relative);
    private static readonly Uri Status = new("/.well-known/iotfleet/v1/status", UriKind.Relative);

    private readonly FakeClock _clock = new(TimeProvider.System.GetUtcNow());
    private RunningServer _server = null!;
    private X509Certificate2 _first = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(_clock);
        _first = await _server.EnrolAsync(Device);
    }

    public async ValueTask DisposeAsync()
    {
        _first.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_renewed_certificate_connects_and_then_the_old_one_does_no_more()
    {
        await using var old = await _server.ConnectAsync(Device, _first);
        using var second = await RenewAsync(_first);

        await using var device = await _server.ConnectAsync(Device, second);

        Assert.Equal(ReasonCode.SessionTakenOver, (await old.ExpectAsync<DisconnectPacket>()).Reason);
        await Eventually.TrueAsync(async () => await RevokedAsync(_first));
        await using var late = await _server.OpenAsync(_first);
        Assert.Equal(ReasonCode.Banned, (await late.ConnectAsync(Device)).Reason);
        _server.ExpectedEvents = ["LineageForked"];
        Assert.Equal(1, _server.Refused("lineage-fork"));
        Assert.Equal(ReasonCode.AdministrativeAction, (await device.ExpectAsync<DisconnectPacket>()).Reason);     // both are out (row 26)
    }

    [Fact]
    public async Task Renewal_info_gives_a_window_around_two_thirds_of_life()
    {
        using var http = Http(_first);

        var answer = await http.GetAsync(Info);
        var info = await answer.Content.ReadFromJsonAsync(ApiJson.Default.RenewalInfo);

        Assert.InRange(info!.Start, _clock.GetUtcNow().AddDays(17.5), _clock.GetUtcNow().AddDays(22.5));
        Assert.True(info.End > info.Start);
        Assert.Equal(TimeSpan.FromHours(6), answer.Headers.RetryAfter!.Delta);
    }

    [Fact]
    public async Task Without_a_certificate_there_is_neither()
    {
        using var http = Http(null);

        var renewal = await http.PostAsJsonAsync(Renew, new RenewCertificateRequest { Request = "" }, ApiJson.Default.RenewCertificateRequest);

        Assert.Equal((HttpStatusCode.Unauthorized, "certificate-required"), (renewal.StatusCode, await CodeAsync(renewal)));
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(Info)).StatusCode);
    }

    [Theory]
    [InlineData(0, "expired")]
    [InlineData(7, null)]
    public async Task An_ended_certificate_reaches_the_renewal_and_nothing_else(int graceDays, string? refusal)
    {
        await ChangeGroupAsync(graceDays);
        _clock.Leap(TimeSpan.FromDays(31));
        using var http = Http(_first);

        var renewal = await PostAsync(http);

        Assert.Equal(refusal, renewal.IsSuccessStatusCode ? null : await CodeAsync(renewal));
        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(new Uri("/api/v1/overview", UriKind.Relative))).StatusCode);
        await using var mqtt = await _server.OpenAsync(_first);
        Assert.Equal(ReasonCode.NotAuthorized, (await mqtt.ConnectAsync(Device)).Reason);
        Assert.True(_server.Refused("expired") > 0);
    }

    [Fact]
    public async Task A_revoked_device_learns_why_without_showing_its_certificate()
    {
        await _server.Client.RevokeDeviceAsync(Device);
        using var http = Http(null);

        var standing = await AskAsync(http, _first, await NonceAsync(http));

        Assert.Equal(("revoked", null), (standing!.Status, standing.RetryAfterSeconds));
        Assert.Equal(_clock.GetUtcNow(), standing.ServerTime);
    }

    [Fact]
    public async Task A_stale_or_made_up_nonce_is_refused()
    {
        using var http = Http(null);
        var nonce = await NonceAsync(http);
        _clock.Leap(TimeSpan.FromMinutes(6));

        Assert.Null(await AskAsync(http, _first, nonce));
        Assert.Null(await AskAsync(http, _first, Convert.ToBase64String(new byte[32])));
        Assert.Equal(2, _server.Refused("nonce-unknown"));
    }

    [Fact]
    public async Task Operators_see_a_refusal_with_the_facts_of_the_certificate_at_once()
    {
        await _server.Client.SuspendDeviceAsync(Device);
        await using var mqtt = await _server.OpenAsync(_first);
        await mqtt.ConnectAsync(Device);

        var found = await _server.Client.GetRefusalsAsync(device: Device, reason: "device-suspended");

        var refusal = Assert.Single(found.Items);
        Assert.Equal(("connect", _first.Subject, _first.SerialNumber.ToLowerInvariant(), _first.Issuer, "1.3"), (refusal.Door, refusal.Subject, refusal.Serial, refusal.Issuer, refusal.Tls));
        Assert.StartsWith("127.0.0.1:", refusal.Address, StringComparison.Ordinal);
        Assert.Contains("resume", refusal.WhatToDo!, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(found.Counts, count => count is { Reason: "device-suspended", Count: 1 });
        Assert.Empty((await _server.Client.GetRefusalsAsync(after: found.LastId)).Items);
    }

    [Fact]
    public async Task Forecast_and_a_request_to_renew_over_rest()
    {
        var forecast = await _server.Client.GetForecastAsync();
        Assert.Equal((1, Device), (forecast.Devices, forecast.FirstToDie));
        Assert.Equal(1, forecast.EndingPerHour.Sum());

        _clock.Leap(TimeSpan.FromDays(1));
        Assert.Equal(1, (await _server.Client.RequestRenewalsAsync(new RequestRenewalsRequest { DeviceId = Device })).Devices);
        using var http = Http(_first);
        var info = await http.GetFromJsonAsync(Info, ApiJson.Default.RenewalInfo);
        Assert.True(info!.Start <= _clock.GetUtcNow().AddHours(1));
    }

    [Fact]
    public async Task The_servers_own_certificate_is_renewed_without_a_restart_and_open_connections_stay()
    {
        var connections = 0;
        using var open = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = _server.TlsOptions(null),
            ConnectCallback = async (_, cancellation) =>
            {
                connections++;
                var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
                await socket.ConnectAsync("127.0.0.1", _server.HttpsPort, cancellation);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri($"https://localhost:{_server.HttpsPort}") };
        await NonceAsync(open);
        var before = await ServerSerialAsync();

        _clock.Leap(TimeSpan.FromDays(61));

        await Eventually.TrueAsync(async () => await ServerSerialAsync() != before);
        await NonceAsync(open);
        Assert.Equal(1, connections);
        var known = await DbAsync(db => db.ServerCertificates.Select(c => c.Serial).ToListAsync());
        Assert.Contains(before, known);
        await Eventually.TrueAsync(async () => await DbAsync(db => db.Audit.CountAsync(entry => entry.Action == "server.issue")) == 2);
    }

    /// <summary>RFC 7030 4.2.2 after the end, for as long as the group says.</summary>
    [Fact]
    public async Task Over_EST_a_certificate_that_has_ended_is_renewed_within_its_groups_grace_and_not_after_it()
    {
        await ChangeGroupAsync(graceDays: 7);
        using var early = Http(_first);
        _clock.Leap(TimeSpan.FromDays(33));
        using var inTime = await ReenrolAsync(early, TestPki.Request(Device));
        _clock.Leap(TimeSpan.FromDays(7));
        using var late = await ReenrolAsync(early, TestPki.Request(Device));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Forbidden), (inTime.StatusCode, late.StatusCode));
        Assert.Equal(1, _server.Refused("grace-over") + _server.Refused("certificate-expired") + _server.Refused("expired"));
    }

    [Fact]
    public async Task Over_EST_a_linked_request_renews_in_its_own_session_only()
    {
        await using var first = await TlsAsync();
        await using var second = await TlsAsync();
        var linked = Est.EstScene.Csr(Device, Convert.ToBase64String(Server.Est.TlsUnique.Of(first)!));

        Assert.Contains("channel-binding-wrong", await ReenrolAsync(second, linked), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200", await ReenrolAsync(first, linked), StringComparison.Ordinal);
    }

    /// <summary>Requirement E-11: ten seconds for a body.</summary>
    [Fact]
    public async Task A_body_that_does_not_come_is_answered_with_408()
    {
        await using var tls = await TlsAsync();
        await tls.WriteAsync(System.Text.Encoding.ASCII.GetBytes("POST /.well-known/est/simplereenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\nContent-Length: 100\r\n\r\nAAAA"));
        var answer = new byte[12];
        var read = tls.ReadExactlyAsync(answer).AsTask();

        await Eventually.TrueAsync(() =>
        {
            _clock.Leap(TimeSpan.FromSeconds(11)); // Again and again: when the server began to wait cannot be seen from here.
            return Task.FromResult(read.IsCompleted);
        });

        await read;
        Assert.Equal("HTTP/1.1 408", System.Text.Encoding.ASCII.GetString(answer));
    }

    private async Task<System.Net.Security.SslStream> TlsAsync()
    {
        var socket = new System.Net.Sockets.TcpClient("127.0.0.1", _server.HttpsPort);
        var tls = new System.Net.Security.SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(_server.TlsOptions(_first, System.Security.Authentication.SslProtocols.Tls12));
        return tls;
    }

    private static async Task<string> ReenrolAsync(System.Net.Security.SslStream tls, byte[] request)
    {
        var body = Convert.ToBase64String(request);
        await tls.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"POST /.well-known/est/simplereenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"));
        using var reader = new StreamReader(tls, leaveOpen: true);
        return await reader.ReadToEndAsync();
    }

    private static async Task<HttpResponseMessage> ReenrolAsync(HttpClient http, byte[] request)
    {
        using var content = new StringContent(Convert.ToBase64String(request), new System.Net.Http.Headers.MediaTypeHeaderValue("application/pkcs10"));
        return await http.PostAsync(new Uri("/.well-known/est/simplereenroll", UriKind.Relative), content);
    }

    private async Task<string> ServerSerialAsync()
    {
        using var socket = new System.Net.Sockets.TcpClient("127.0.0.1", _server.HttpsPort);
        string? serial = null;
        await using var tls = new System.Net.Security.SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(new System.Net.Security.SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            RemoteCertificateValidationCallback = (_, shown, _, _) => (serial = Pki.SerialNumber.Of((X509Certificate2)shown!).Hex) is not null,       // its dates are the fake clock's
        });
        return serial!;
    }

    [Fact]
    public async Task Attack25_two_that_throw_each_other_out_from_two_addresses_are_noted()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a second loopback address.");
        _server.ExpectedEvents = ["CloneSuspected"];
        for (var n = 0; n < 4; n++) await ConnectFromAsync(n % 2 == 0 ? "127.0.0.1" : "127.0.0.2");

        await Eventually.TrueAsync(async () => (await DbAsync(db => db.Devices.SingleAsync())).CloneSuspectedAt is not null);
        Assert.Equal(Fleet.Devices.DeviceState.Active, (await DbAsync(db => db.Devices.SingleAsync())).State);      // the policy is to alert
    }

    private async Task ConnectFromAsync(string address)
    {
        var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        await socket.ConnectAsync("127.0.0.1", _server.MqttPort);
        var tls = new System.Net.Security.SslStream(new System.Net.Sockets.NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(_server.TlsOptions(_first));
        var client = new RawClient(DuplexPipe.Over(tls), ProtocolVersion.V5);      // stays open, for the next one to throw it out
        Assert.Equal(ReasonCode.Success, (await client.ConnectAsync(Device)).Reason);
    }

    private HttpClient Http(X509Certificate2? certificate) => new(new SocketsHttpHandler { SslOptions = _server.TlsOptions(certificate) }) { BaseAddress = new Uri($"https://localhost:{_server.HttpsPort}") };

    private static Task<HttpResponseMessage> PostAsync(HttpClient http) => PostAsync(http, TestPki.Request(Device, out _));

    private static Task<HttpResponseMessage> PostAsync(HttpClient http, byte[] request) =>
        http.PostAsJsonAsync(Renew, new RenewCertificateRequest { Request = Convert.ToBase64String(request) }, ApiJson.Default.RenewCertificateRequest);

    private async Task<X509Certificate2> RenewAsync(X509Certificate2 current)
    {
        using var http = Http(current);
        var answer = await PostAsync(http, TestPki.Request(Device, out var key));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var renewed = await answer.Content.ReadFromJsonAsync(ApiJson.Default.DeviceEnrolment);
        using (key)
        using (var certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(renewed!.Certificate)))
        {
            return certificate.CopyWithPrivateKey(key);
        }
    }

    private static async Task<string> NonceAsync(HttpClient http) => (await http.GetFromJsonAsync(Status, ApiJson.Default.StatusNonce))!.Nonce;

    private static async Task<CertificateStanding?> AskAsync(HttpClient http, X509Certificate2 certificate, string nonce)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        byte[] signed = [.. ExplainCertificate.Purpose, .. Convert.FromBase64String(nonce)];
        var request = new StatusRequest
        {
            Certificate = Convert.ToBase64String(certificate.RawData),
            Nonce = nonce,
            Signature = Convert.ToBase64String(key.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)),
        };
        var answer = await http.PostAsJsonAsync(Status, request, ApiJson.Default.StatusRequest);
        return answer.IsSuccessStatusCode ? await answer.Content.ReadFromJsonAsync(ApiJson.Default.CertificateStanding) : null;
    }

    private static async Task<string> CodeAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ApiProblem))!.Code;

    private async Task<bool> RevokedAsync(X509Certificate2 certificate)
    {
        var serial = Pki.SerialNumber.Of(certificate).Hex;
        return await DbAsync(db => db.Certificates.AnyAsync(c => c.Serial == serial && c.RevokedAt != null));
    }

    private Task<int> ChangeGroupAsync(int graceDays) => DbAsync(async db =>
    {
        if (!await db.Groups.AnyAsync(group => group.Id == EnrolmentGroup.DefaultId))
        {
            db.Groups.Add(new EnrolmentGroup { Id = EnrolmentGroup.DefaultId, Ways = EnrolmentWays.Token, CreatedAt = _clock.GetUtcNow() });
            await db.SaveChangesAsync();
        }

        return await db.Groups.ExecuteUpdateAsync(set => set.SetProperty(group => group.GraceDays, graceDays));
    });

    private async Task<T> DbAsync<T>(Func<FleetDbContext, Task<T>> use)
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        return await use(db);
    }
}
