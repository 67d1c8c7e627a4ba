using System.Net;

namespace IoTFleet.Broker.Sessions;

/// <summary>A connection took the session of another one that was still open. Said of each, for whoever looks for devices that exist twice.</summary>
public sealed record Takeover(string ClientId, IPAddress? From, IPAddress? To);
