namespace IoTFleet.Device.Link;

/// <summary>Who may use which of a connection's packet ids, so that a PUBACK finds whom it answers.</summary>
internal static class PacketIds
{
    public const ushort LastOfTelemetry = 0xDFFF;
    public const ushort FirstOfAnswers = 0xE000;
    public const ushort LastOfAnswers = 0xEFFF;

    public static bool IsAnswer(ushort packetId) => packetId is >= FirstOfAnswers and <= LastOfAnswers;
}
