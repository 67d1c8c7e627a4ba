namespace IoTFleet.Device.Identity;

/// <summary>A token's PIN: from the file that was named, else from the environment, else from systemd (LoadCredential=). Never logged, never part of a message.</summary>
internal static class DevicePin
{
    public const string Variable = "IOTFLEET_DEVICE_PIN";
    public const string Credential = "device-pin";

    private const string CredentialsFolder = "CREDENTIALS_DIRECTORY"; // systemd.exec(5)

    /// <exception cref="DeviceException">A file is missing, unreadable or empty.</exception>
    public static string? Find(string? file)
    {
        if (file is not null)
            return Read(file);
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } pin)
            return pin;
        if (Environment.GetEnvironmentVariable(CredentialsFolder) is not { Length: > 0 } folder)
            return null;
        var credential = Path.Combine(folder, Credential);
        return File.Exists(credential) ? Read(credential) : null;
    }

    private static string Read(string file)
    {
        try
        {
            var pin = File.ReadAllText(file).TrimEnd('\r', '\n');   // an editor's last line end is no part of it
            return pin.Length > 0 ? pin : throw new DeviceException(DeviceError.KeyStoreFailed, $"{file} is empty; write the token's PIN into it.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.KeyStoreFailed, $"{file}, which is to hold the token's PIN, cannot be read: {error.Message}", error);
        }
    }
}
