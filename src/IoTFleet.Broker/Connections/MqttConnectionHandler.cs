using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace IoTFleet.Broker.Connections;

/// <summary>Where Kestrel hands a connection in: TLS is done, the peer's certificate is known.</summary>
public sealed class MqttConnectionHandler : ConnectionHandler
{
    private readonly ConnectionParts _parts;
    private readonly MqttBroker _broker;

    public MqttConnectionHandler(MqttBroker broker)
    {
        _broker = broker;
        _parts = broker.Parts;
    }

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var certificate = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        var mqtt = new MqttConnection(_parts, connection, new ClientIdentity(certificate, connection.RemoteEndPoint, connection.Features.Get<PeerProof>()));
        if (!_broker.TryRegister(mqtt)) return;     // stopping: Kestrel closes the socket
        try
        {
            await mqtt.RunAsync();
        }
        finally
        {
            _broker.Unregister(mqtt);
        }
    }
}
