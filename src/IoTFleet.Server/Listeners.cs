using IoTFleet.Broker.Connections;
using IoTFleet.Server.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace IoTFleet.Server;

/// <summary>The two ports: MQTT over mutual TLS, and HTTPS for EST, REST and the console.</summary>
internal sealed class Listeners
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    private ListenOptions? _mqtt;
    private ListenOptions? _https;

    /// <summary>The port in use; where the settings said 0, known once the server has started.</summary>
    public int MqttPort => _mqtt!.IPEndPoint!.Port;

    public int HttpsPort => _https!.IPEndPoint!.Port;

    public static Listeners Configure(IWebHostBuilder host, ServerOptions options)
    {
        var listeners = new Listeners();
        host.ConfigureServices(services => services.AddSingleton<IConnectionListenerFactory, DeviceTransport>());
        host.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1024 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Listen(DeviceTransport.EndPoint(options.MqttPort), listen => listeners._mqtt = ForMqtt(listen));
            kestrel.ListenAnyIP(options.HttpsPort, listen => listeners._https = ForHttps(listen));
        });
        return listeners;
    }

    private static ListenOptions ForMqtt(ListenOptions listen)
    {
        var tls = listen.ApplicationServices.GetRequiredService<DeviceTls>();
        listen.Protocols = HttpProtocols.None;
        listen.Use(DeviceTransport.HandshakeOnPool);
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = HandshakeTimeout,
            OnConnection = connection => new(tls.ForMqtt(connection.Connection.RemoteEndPoint)),
        });
        listen.Use(DeviceTransport.RestOnPoller);
        listen.UseConnectionHandler<MqttConnectionHandler>();
        return listen;
    }

    private static ListenOptions ForHttps(ListenOptions listen)
    {
        var tls = listen.ApplicationServices.GetRequiredService<DeviceTls>();
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = HandshakeTimeout,
            OnConnection = connection => new(tls.ForHttps(connection.Connection.RemoteEndPoint)),
        });
        return listen;
    }
}
