using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Connections;

/// <summary>Who may connect and what they may do. The broker asks; the product decides.</summary>
public interface IAccessPolicy
{
    /// <summary>Decides on a CONNECT, with a look into the store if need be. An exception is logged, and the client told to come back.</summary>
    ValueTask<Admission> AdmitAsync(ClientIdentity identity, ConnectPacket connect, CancellationToken cancellationToken);

    /// <summary>
    /// Asked again once the session is registered: between <see cref="AdmitAsync"/> and then a revocation may have swept the sessions
    /// without seeing this one. Must not wait and must read the same state that the sweep follows.
    /// </summary>
    bool StillAdmitted(Principal principal);

    /// <summary>A pure function of who and where.</summary>
    bool MayPublish(Principal principal, TopicName topic);

    /// <summary>A pure function of who and what. Of a shared subscription it is asked for the filter behind the group.</summary>
    bool MaySubscribe(Principal principal, TopicFilter filter);
}

/// <summary>An admitted client: the id that its session is kept under, which need not be the one it sent, and whatever else the policy wants to find again.</summary>
public abstract class Principal(string clientId)
{
    public string ClientId { get; } = clientId;

    /// <summary>What a client that sent no id is told that it is called, and may come back as (MQTT 5 3.2.2.3.7).</summary>
    public virtual string AssignedClientId => ClientId;

    /// <summary>Where this client's response topics begin, told to whom asks for it (MQTT 5 3.2.2.3.15); null when it has no such place.</summary>
    public virtual string? ResponseInformation => null;

    /// <summary>How many devices' worth of packets and bytes a second this client may send, and of retained messages have; a backend that speaks to many devices needs more than one.</summary>
    public virtual int RateShare => 1;
}

/// <summary>The policy's answer to a CONNECT.</summary>
public abstract record Admission
{
    private Admission()
    {
    }

    public sealed record Accepted(Principal Principal) : Admission;

    /// <param name="Code">What the client is told.</param>
    /// <param name="Reason">Machine-readable, counted: <c>device-unknown</c>.</param>
    /// <param name="Detail">For the operator: what, which, what to do.</param>
    public sealed record Refused(ReasonCode Code, string Reason, string Detail) : Admission;
}
