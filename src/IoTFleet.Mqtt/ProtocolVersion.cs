namespace IoTFleet.Mqtt;

/// <summary>The protocol levels this codec speaks, as they stand in CONNECT (MQTT 3.1.1 and 5.0, 3.1.2.2).</summary>
public enum ProtocolVersion : byte
{
    /// <summary>MQTT 3.1.1 (OASIS, 2014; ISO/IEC 20922).</summary>
    V311 = 4,

    /// <summary>MQTT 5.0 (OASIS, 2019).</summary>
    V5 = 5,
}
