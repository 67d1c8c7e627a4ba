using System.Net.Sockets;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Device.Link;

/// <summary>Why a connection ended or never began.</summary>
/// <param name="Why">In words, for the device's state.</param>
/// <param name="Code">The server's reason code, if it gave one.</param>
/// <param name="Refused">The server turned this device away, rather than the network or the server failing.</param>
internal sealed record LinkEnd(string Why, ReasonCode? Code = null, bool Refused = false)
{
    public static readonly LinkEnd Stopped = new("The device stops.");

    /// <summary>A renewed certificate waits to be used.</summary>
    public static readonly LinkEnd Renewed = new("The certificate was renewed.");

    /// <summary>When the server said that another attempt may help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The server has too much to do: it is given time, whatever the network does.</summary>
    public bool IsBusy => Code is ReasonCode.ServerBusy or ReasonCode.ConnectionRateExceeded or ReasonCode.QuotaExceeded or ReasonCode.MessageRateTooHigh;

    /// <summary>The server turned the device away for a while or for good, and no other network changes that.</summary>
    public bool IsServersWish => Refused || IsBusy || RetryAfter is not null;

    /// <summary>Where the server sends the device [MQTT 5.0 section 4.11].</summary>
    public string? Elsewhere { get; init; }

    /// <summary>What this side still owes the server before it closes: a DISCONNECT with this reason.</summary>
    public ReasonCode? Goodbye { get; init; }

    public static LinkEnd ByServer(string packet, ReasonCode code, PropertyBlock? properties = null)
    {
        var words = properties?.ReasonString is { } reason ? $": {reason.TrimEnd('.')}" : "";
        var elsewhere = code is ReasonCode.UseAnotherServer or ReasonCode.ServerMoved ? properties?.ServerReference : null;
        return new($"The server answered with {packet} 0x{(byte)code:X2} {code}{words}.", code, !WillPass(code)) { Elsewhere = elsewhere };
    }

    public static LinkEnd Unanswered(TimeSpan time) =>
        new($"The server has not answered for {time.TotalSeconds} s.") { Goodbye = ReasonCode.UnspecifiedError };

    /// <summary>Whatever it was, a device must come back; so an error nobody expected becomes a reason too instead of ending the client.</summary>
    public static LinkEnd From(Exception error) => error switch
    {
        OperationCanceledException => Stopped,
        TurnedAwayException => new(error.Message, Refused: true),
        ProtocolViolation violation => new($"The server broke the protocol: {violation.Message}") { Goodbye = violation.Reason },
        DeviceException => new(error.Message),
        SocketException => new($"The broker cannot be reached: {error.Message}"),
        IOException => new($"The connection was lost: {error.Message}"),
        _ => new($"Unexpected {error.GetType().Name}: {error.Message}"),
    };

    public DeviceState ToState(DateTimeOffset retryAt) =>
        Refused ? new DeviceState.Refused(Why, Code, retryAt) : new DeviceState.Waiting(Why, retryAt);

    // Codes that speak about the server and not about this device.
    private static bool WillPass(ReasonCode code) => code is
        ReasonCode.Success or ReasonCode.UnspecifiedError or ReasonCode.ServerUnavailable or ReasonCode.ServerBusy or ReasonCode.ServerShuttingDown
        or ReasonCode.KeepAliveTimeout or ReasonCode.ConnectionRateExceeded or ReasonCode.MaximumConnectTime or ReasonCode.UseAnotherServer
        or ReasonCode.ServerMoved or ReasonCode.QuotaExceeded or ReasonCode.MessageRateTooHigh;
}

/// <summary>The server has proved itself and then ended the handshake: it may not like this device's certificate.</summary>
internal sealed class TurnedAwayException(string message, Exception inner) : IOException(message, inner);
