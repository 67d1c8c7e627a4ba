namespace IoTFleet.Fleet.Refusals;

/// <summary>Where a reason turns somebody away; some do at several places.</summary>
[Flags]
public enum RefusedAt
{
    None = 0,

    /// <summary>Before or in the TLS handshake, by closing the connection: on Linux the peer is not told.</summary>
    Handshake = 1,

    /// <summary>At CONNECT, or at the WebSocket's upgrade before it.</summary>
    Connect = 2,

    /// <summary>A certificate asked for: EST's enrolments and their JSON twins.</summary>
    Enrolling = 4,

    /// <summary>A certificate asked for with the one it renews.</summary>
    Renewing = 8,

    /// <summary>A topic, a filter or a payload.</summary>
    Messaging = 16,

    /// <summary>The protocol was broken, or a limit of the connection passed.</summary>
    Speaking = 32,
}

/// <summary>One reason to turn somebody away. Its code never changes its meaning.</summary>
/// <param name="Code">Lower-case words joined by dashes; counted, logged, filtered by.</param>
/// <param name="At">Where it is given.</param>
/// <param name="Meaning">What was found, in a sentence.</param>
/// <param name="WhatToDo">For the operator, or for the device when it may be told.</param>
/// <param name="MayTell">Whether the peer may learn it: false where it would tell a stranger something about the fleet or its defences.</param>
public sealed record Reason(string Code, RefusedAt At, string Meaning, string WhatToDo, bool MayTell);
