namespace IoTFleet.Device;

/// <summary>How commands are remembered, so that each is run once and answered once.</summary>
public sealed record CommandOptions
{
    /// <summary>
    /// The folder for what outlives a restart or a power cut: which commands were begun, and their answers. Null: <c>commands</c> in the folder of
    /// the outbox, else in that of a <see cref="Identity.FileKeyStore"/> or <see cref="Identity.HardwareKeyStore"/>; without either it is kept in memory, and a restart forgets it.
    /// </summary>
    public string? Folder { get; init; }

    /// <summary>
    /// Which commands, by name, do no harm when they are run a second time. One that a restart has cut is run again; without this, and for all others, it is answered
    /// with status 500, because nobody knows how far it came.
    /// </summary>
    public Func<string, bool>? MayRunAgain { get; init; }

    internal void Validate() => DeviceOptions.Require(Folder is null or { Length: > 0 }, nameof(DeviceOptions.Commands) + "." + nameof(Folder), "must be a folder's path, or null");
}
