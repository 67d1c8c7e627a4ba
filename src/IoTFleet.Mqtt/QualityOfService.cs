namespace IoTFleet.Mqtt;

/// <summary>The delivery promise for one message (MQTT 5.0, 4.3).</summary>
public enum QualityOfService : byte
{
    /// <summary>No acknowledgement; the message may be lost (4.3.1).</summary>
    AtMostOnce = 0,

    /// <summary>Acknowledged by PUBACK; the message may arrive twice (4.3.2).</summary>
    AtLeastOnce = 1,

    /// <summary>PUBREC, PUBREL, PUBCOMP; neither lost nor doubled (4.3.3).</summary>
    ExactlyOnce = 2,
}
