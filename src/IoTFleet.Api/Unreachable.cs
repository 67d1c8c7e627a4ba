using System.Net.Sockets;
using System.Security.Authentication;

namespace IoTFleet.Api;

/// <summary>Turns what the network and TLS throw into one sentence that says what to do.</summary>
internal static class Unreachable
{
    public static bool Is(Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException { StatusCode: null } or IOException
        || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested); // HttpClient's own timeout

    public static ServerUnreachableException From(Uri server, Exception e) => new(Explain(server, e), e);

    private static string Explain(Uri server, Exception e) => e switch
    {
        OperationCanceledException => $"{server.Authority} did not answer in time; is the server overloaded or stopping?",
        { InnerException: AuthenticationException } =>
            $"The certificate of {server.Authority} does not lead to the trusted root for the name '{server.Host}'; check the root file or "
            + "fingerprint, and that the server was started with --host for this name.",
        { InnerException: SocketException socket } =>
            $"Cannot reach {server.Authority}: {socket.Message}. Is the server running, and is the address right?",
        _ => $"Cannot reach {server.Authority}: {e.Message}",
    };
}
