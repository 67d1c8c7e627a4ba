using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Server.Doors;
using IoTFleet.Server.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace IoTFleet.Server;

/// <summary>The two ports: MQTT over mutual TLS, and HTTPS for EST, REST and the console.</summary>
internal sealed class Listeners
{
    /// <summary>A line of HTTP ends with CR LF: one reader's end of a header must not be another's middle. RFC 9112 2.2 leaves it to us.</summary>
    private const string NoBareLineFeeds = "Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators";

    private ListenOptions? _mqtt;
    private ListenOptions? _https;

    /// <summary>The port in use; where the settings said 0, known once the server has started.</summary>
    public int MqttPort => _mqtt!.IPEndPoint!.Port;

    public int HttpsPort => _https!.IPEndPoint!.Port;

    public static Listeners Configure(IWebHostBuilder host, ServerOptions options, DoorOptions doors)
    {
        var listeners = new Listeners();
        AppContext.SetSwitch(NoBareLineFeeds, true);
        host.ConfigureServices(services => services.AddSingleton<IConnectionListenerFactory>(provider => new DeviceTransport(doors, provider.GetRequiredService<ILoggerFactory>())));
        host.ConfigureServices(services => services.AddSingleton(provider =>
            new HandshakeTurns(doors.HandshakesPerSecond, doors.MaxHandshakes, provider.GetRequiredService<TimeProvider>())));
        host.ConfigureServices(services => services.AddHostedService<MemoryReturn>());
        host.UseSockets(sockets => sockets.MaxReadBufferSize = doors.MaxUnreadBytes);
        host.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1024 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = 8 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Listen(DeviceTransport.EndPoint(options.MqttPort), listen => listeners._mqtt = ForMqtt(listen, options, doors));
            kestrel.ListenAnyIP(options.HttpsPort, listen => listeners._https = ForHttps(listen, doors));
        });
        return listeners;
    }

    private static ListenOptions ForMqtt(ListenOptions listen, ServerOptions options, DoorOptions doors)
    {
        var tls = listen.ApplicationServices.GetRequiredService<DeviceTls>();
        listen.Protocols = HttpProtocols.None;
        KeepDoor(listen, doors, MqttConnections(listen, doors));
        listen.Use(DeviceTransport.HandshakeOnPool);
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = doors.HandshakeTimeout,
            OnConnection = connection => new(tls.ForMqtt(connection.Connection.RemoteEndPoint, Accepted(connection), Refused(connection))),
        });
        listen.Use(DeviceTransport.RestOnPoller);
        if (options.ReleaseTlsBuffers) listen.Use(ReleaseBuffersWhenIdle);
        LetThrough(listen);
        listen.UseConnectionHandler<MqttConnectionHandler>();
        return listen;
    }

    private static ListenOptions ForHttps(ListenOptions listen, DoorOptions doors)
    {
        var tls = listen.ApplicationServices.GetRequiredService<DeviceTls>();
        listen.Protocols = HttpProtocols.Http1; // What EST's clients speak; one request after the other leaves no room for smuggling or floods of streams.
        KeepDoor(listen, doors, OpenFiles.Connections(doors, OpenFiles.Limit()).Https);
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = doors.HandshakeTimeout,
            OnConnection = connection => new(tls.ForHttps(connection.Connection.RemoteEndPoint, Accepted(connection), Refused(connection))),
        });
        LetThrough(listen);
        return listen;
    }

    private static Action<PeerVerdict> Accepted(TlsHandshakeCallbackContext connection) => verdict => connection.Connection.Features.Set<PeerProof>(verdict);

    private static Action Refused(TlsHandshakeCallbackContext connection) => () => Doorkeeper.Refused(connection.Connection);

    private static int MqttConnections(ListenOptions listen, DoorOptions doors)
    {
        var files = OpenFiles.Limit();
        var connections = OpenFiles.Connections(doors, files).Mqtt;
        if (connections < doors.MaxMqttConnections)
        {
            listen.ApplicationServices.GetRequiredService<ILogger<Listeners>>().FewerConnections(connections, doors.MaxMqttConnections, files ?? 0);
        }

        return connections;
    }

    /// <summary>Before TLS: what is turned away here has cost an accepted socket and no more.</summary>
    private static void KeepDoor(ListenOptions listen, DoorOptions doors, int maxConnections)
    {
        var services = listen.ApplicationServices;
        var door = new Doorkeeper(
            doors, maxConnections, services.GetRequiredService<HandshakeTurns>(), services.GetRequiredService<RefusalLog>(), services.GetRequiredService<TimeProvider>());
        listen.Use(next => connection => door.EnterAsync(connection, next));
    }

    /// <summary>Behind TLS.</summary>
    private static void LetThrough(ListenOptions listen) => listen.Use(next => connection =>
    {
        Doorkeeper.Proven(connection);
        return next(connection);
    });

    private static ConnectionDelegate ReleaseBuffersWhenIdle(ConnectionDelegate next) => connection =>
    {
        if (connection.Features.Get<ISslStreamFeature>()?.SslStream is { } tls) OpenSslBuffers.ReleaseWhenIdle(tls);
        return next(connection);
    };
}
