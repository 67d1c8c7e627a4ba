using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Server.Rest;
using IoTFleet.Server.Security;
using Microsoft.Extensions.Options;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// MQTT over secure WebSockets at <c>/mqtt</c> of the HTTPS port, for networks that let nothing else through. The certificate is the identity here, too:
/// the handshake has judged the one that was shown, and who shows none goes no further. Only over HTTP/1.1, one connection a socket.
/// </summary>
internal static class WebSocketDoor
{
    private const string Subprotocol = "mqtt";

    public static void MapMqtt(this WebApplication app)
    {
        // No pings of ours: MQTT has its own keep-alive, and a device that sleeps need not be woken.
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.MapGet("/mqtt", EnterAsync);
    }

    private static async Task<IResult> EnterAsync(
        HttpContext context, MqttConnectionHandler mqtt, MqttBroker broker, RefusalLog refusals, IOptions<BrokerOptions> options, TimeProvider clock)
    {
        if (FindRefusal(context) is { } refusal)
        {
            refusals.Record(RefusalDoor.Connect, refusal.Code, null, PeerAddress.Of(context), refusal.Detail);
            return Problems.Of(refusal.Status, refusal.Code, "No WebSocket here", refusal.Detail);
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(Subprotocol);      // [MQTT-6.0.0-4]
        var connection = new WebSocketConnection(socket, context);
        await connection.RunAsync(mqtt.OnConnectedAsync, () => broker.IsStopping, options.Value.CloseTimeout, clock);
        return Results.Empty;
    }

    private static (int Status, string Code, string Detail)? FindRefusal(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            return (StatusCodes.Status400BadRequest, ProblemCodes.WebSocketExpected, "This is MQTT over WebSockets; connect with wss:// and the subprotocol mqtt.");
        }

        if (context.Connection.ClientCertificate is null)
        {
            return (StatusCodes.Status403Forbidden, ProblemCodes.CertificateRequired, "MQTT takes a client certificate; connect with the device's or service's own.");
        }

        // A browser sends its certificate along for whatever page asks, and says which page that is. Programs say nothing.
        if (context.Request.Headers.Origin is [var origin, ..] && !IsOurOwn(origin, context.Request))
        {
            return (StatusCodes.Status403Forbidden, ProblemCodes.OriginNotAllowed, $"A page of {origin} may not use MQTT here; only one of this server's own may.");
        }

        return context.WebSockets.WebSocketRequestedProtocols.Contains(Subprotocol, StringComparer.Ordinal)      // [MQTT-6.0.0-3]
            ? null
            : (StatusCodes.Status400BadRequest, ProblemCodes.SubprotocolRequired, "The WebSocket must ask for the subprotocol mqtt.");
    }

    /// <summary>The Host header can be trusted for this: a page elsewhere that makes a browser send ours needs our certificate's key.</summary>
    private static bool IsOurOwn(string? origin, HttpRequest request) =>
        string.Equals(origin, $"https://{request.Host.Value}", StringComparison.OrdinalIgnoreCase);
}
