using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>MQTT.js from npm, over TLS.</summary>
public class MqttJsTests(InteropFleet fleet) : InteropContract(fleet), IClassFixture<InteropFleet>
{
    protected override bool OverWebSockets => false;

    protected override Task<(string Program, string Script)> RequireAsync() =>
        Task.FromResult((Peers.RequireNode(Repository.PathTo("tests/interop"), "mqtt"), "mqttjs.mjs"));
}

/// <summary>MQTT.js over secure WebSockets.</summary>
public sealed class MqttJsWebSocketTests(InteropFleet fleet) : MqttJsTests(fleet)
{
    protected override bool OverWebSockets => true;
}

/// <summary>Eclipse Paho for Python as Debian has it, over TLS.</summary>
public class PahoTests(InteropFleet fleet) : InteropContract(fleet), IClassFixture<InteropFleet>
{
    protected override bool OverWebSockets => false;

    protected override bool TellsWhyAPublishWasRefused => false;

    protected override async Task<(string Program, string Script)> RequireAsync() => (await Peers.RequirePythonAsync("paho.mqtt.client"), "paho_clients.py");
}

/// <summary>Paho over secure WebSockets; it names our own address as Origin.</summary>
public sealed class PahoWebSocketTests(InteropFleet fleet) : PahoTests(fleet)
{
    protected override bool OverWebSockets => true;
}
