using System.Text;
using System.Text.Json;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Twins;

/// <summary>
/// Keeps what the application has applied as <c>twin.json</c>, with the device and the fleet it is of: another fleet counts from other versions. A power cut leaves the
/// file as it was or as it is to be.
/// </summary>
internal sealed class TwinFile
{
    private readonly string? _file;
    private readonly string _device;
    private readonly string _fleet;

    private TwinFile(DeviceOptions options)
    {
        _file = options.Twin?.Folder is { } folder ? Path.Combine(Path.GetFullPath(folder), "twin.json") : null;
        (_device, _fleet) = (options.DeviceId, options.PinnedFingerprint ?? "by bundle");   // then the server notices a version that it never had
    }

    public DesiredDocument Found { get; private set; } = DesiredDocument.None;

    /// <exception cref="DeviceException">The folder cannot be read.</exception>
    public static TwinFile Open(DeviceOptions options)
    {
        var file = new TwinFile(options);
        try
        {
            file.Found = file.Read() ?? DesiredDocument.None;
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            options.TroubleMet?.Invoke(new DeviceException(DeviceError.TwinFailed, $"{file._file} is damaged; the desired document is asked for anew, and comes as one change.", damaged));
        }

        return file;
    }

    /// <summary>Completes when it is on the disk.</summary>
    /// <exception cref="DeviceException">The disk does not take it.</exception>
    public async Task SaveAsync(DesiredDocument document, CancellationToken cancellation)
    {
        if (_file is null)
            return;
        var text = MergePatch.Text(output =>
        {
            output.WriteStartObject();
            output.WriteString("device", _device);
            output.WriteString("fleet", _fleet);
            output.WriteNumber("version", document.Version);
            output.WritePropertyName("desired");
            output.WriteRawValue(document.Json, skipInputValidation: true);
            output.WriteEndObject();
        });
        try
        {
            DurableFile.CreatePrivateFolder(Path.GetDirectoryName(_file)!);
            await DurableFile.ReplaceAsync(_file, text, step: null, cancellation);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.TwinFailed, $"{_file} cannot be written: {error.Message}", error);
        }
    }

    private DesiredDocument? Read()
    {
        if (_file is null || ReadText(_file) is not { } text)
            return null;
        using var kept = JsonDocument.Parse(text);
        var root = kept.RootElement;
        if (root.GetProperty("device").GetString() != _device || root.GetProperty("fleet").GetString() != _fleet)
            return null;
        var desired = root.GetProperty("desired");
        return desired.ValueKind == JsonValueKind.Object ? new DesiredDocument(root.GetProperty("version").GetInt64(), desired.GetRawText()) : throw new JsonException("It holds no document.");
    }

    private static string? ReadText(string file)
    {
        try
        {
            return File.ReadAllText(file, Encoding.UTF8);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException(DeviceError.TwinFailed, $"{file} cannot be read: {error.Message}", error);
        }
    }
}
