using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>Who a client of another library is: its id, and where its certificate and key are.</summary>
internal sealed record ClientFiles(string Id, string Certificate, string Key);

/// <summary>A server with a device that curl and openssl enrolled over EST, and with services; shared by the tests of one client library.</summary>
public sealed class InteropFleet : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, ClientFiles> _known = [];
    private InteropClients? _clients;

    public RunningServer Server { get; private set; } = null!;

    public ValueTask InitializeAsync() => InitializeAsync([]);

    internal async ValueTask InitializeAsync(params (string Name, string Value)[] settings) => Server = await RunningServer.StartAsync(settings);

    public async ValueTask DisposeAsync()
    {
        if (_clients is not null) await _clients.DisposeAsync();
        await Server.DisposeAsync();
        _folder.Dispose();
    }

    internal InteropClients Clients(string program, string script) => _clients ??= InteropClients.Start(program, script);

    /// <summary>Enrolled by tests/interop/enrol.sh.</summary>
    internal async Task<ClientFiles> DeviceAsync(string id)
    {
        if (_known.TryGetValue(id, out var known)) return known;
        foreach (var program in (string[])["bash", "curl", "openssl"]) Peers.Require(program);
        var token = await Server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "script" });
        await File.WriteAllTextAsync(_folder.File("token"), token.Secret);
        var script = await Peers.RunAsync("bash", Repository.PathTo("tests/interop/enrol.sh"),
            $"https://localhost:{Server.HttpsPort}", Server.RootFingerprint, id, _folder.File("token"), _folder.File(id));
        Assert.True(script.ExitCode == 0, script.Everything);
        return _known[id] = new ClientFiles(id, Path.Combine(_folder.File(id), "device.pem"), Path.Combine(_folder.File(id), "device.key"));
    }

    internal async Task<ClientFiles> ServiceAsync(string name, string[] subscribe, string[] publish)
    {
        if (_known.TryGetValue("service:" + name, out var known)) return known;
        using var certificate = await Server.CreateServiceAsync(name, subscribe, publish);
        var (certificateFile, keyFile) = TestPki.WritePair(_folder.Path, name, certificate);
        return _known["service:" + name] = new ClientFiles(name, certificateFile, keyFile);
    }
}
