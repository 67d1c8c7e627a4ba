using System.Net;
using IoTFleet.Broker;
using IoTFleet.Server.Doors;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace IoTFleet.Server.Status;

/// <summary>
/// Revocation lists and OCSP answers for third parties, over plain HTTP on a port of its own: fetching them over TLS would ask the same question again.
/// A web server of its own, so that nothing of REST, EST or the console can be reached by it, and that nothing it suffers reaches them: without its
/// port the server runs on and asks for it again.
/// </summary>
internal sealed class StatusListener(
    ServerOptions options, DoorOptions doors, StatusPages pages, HandshakeTurns turns, RefusalLog refusals, TimeProvider clock, IServiceProvider services,
    ILoggerFactory loggers, ILogger<StatusListener> logger) : BackgroundService, IHttpApplication<HttpContext>
{
    private static readonly TimeSpan TryAgain = TimeSpan.FromMinutes(1);

    private KestrelServer? _server;
    private ListenOptions? _listen;

    /// <summary>The port in use; null while there is none.</summary>
    public int? Port => _listen?.IPEndPoint?.Port;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.StatusPort >= 0) await TryOpenAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_server is { } server) await server.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _server?.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (options.StatusPort >= 0 && _server is null)
        {
            await Task.Delay(TryAgain, clock, stoppingToken);
            await TryOpenAsync(stoppingToken);
        }
    }

    HttpContext IHttpApplication<HttpContext>.CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    Task IHttpApplication<HttpContext>.ProcessRequestAsync(HttpContext context) => pages.AnswerAsync(context);

    void IHttpApplication<HttpContext>.DisposeContext(HttpContext context, Exception? exception)
    {
        if (exception is not (null or OperationCanceledException or Microsoft.AspNetCore.Http.BadHttpRequestException)) logger.StatusFailed(exception);
    }

    private async Task TryOpenAsync(CancellationToken cancellationToken)
    {
        var transport = new SocketTransportFactory(Options.Create(new SocketTransportOptions { MaxReadBufferSize = 16 * 1024 }), loggers);
        var server = new KestrelServer(Options.Create(Kestrel()), transport, loggers);
        try
        {
            await server.StartAsync(this, cancellationToken);
            _server = server;
        }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException)
        {
            server.Dispose();
            _listen = null;
            logger.NoStatusPort(options.StatusPort, TryAgain.TotalSeconds, error.Message);
        }
    }

    private KestrelServerOptions Kestrel()
    {
        var kestrel = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false, ApplicationServices = services };
        kestrel.Limits.MaxRequestBodySize = 64 * 1024;      // what is longer than a question may be is answered, and then read no further
        kestrel.Limits.MaxRequestHeadersTotalSize = 8 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 40;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
        kestrel.Listen(IPAddress.IPv6Any, options.StatusPort, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            var door = new Doorkeeper(doors, doors.MaxStatusConnections, turns, refusals, clock);
            listen.Use(next => connection => door.EnterPlainAsync(connection, next));
            _listen = listen;
        });
        return kestrel;
    }
}
