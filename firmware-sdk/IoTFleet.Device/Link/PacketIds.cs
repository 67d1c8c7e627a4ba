namespace IoTFleet.Device.Link;

/// <summary>Who uses which packet ids for what it publishes: telemetry counts up to <see cref="LastOfOutbox"/>, and the others have one message on its way at a time.</summary>
internal static class PacketIds
{
    public const ushort LastOfOutbox = 0xFFEF;
    public const ushort TwinQuestion = 0xFFF0;
    public const ushort TwinReport = 0xFFF1;
}
