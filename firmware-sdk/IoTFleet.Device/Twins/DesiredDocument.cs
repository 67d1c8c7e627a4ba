namespace IoTFleet.Device.Twins;

/// <summary>What is wanted of the device, at a version of the server's. At version 0 nothing has ever been wanted.</summary>
internal sealed record DesiredDocument(long Version, string Json)
{
    public static readonly DesiredDocument None = new(0, MergePatch.Nothing);
}
