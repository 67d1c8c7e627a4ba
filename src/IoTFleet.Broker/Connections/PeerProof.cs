namespace IoTFleet.Broker.Connections;

/// <summary>
/// What the host found out about a peer in the handshake, as a feature of its connection. The broker hands it to its <see cref="IAccessPolicy"/> unread.
/// </summary>
public abstract record PeerProof;
