using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using IoTFleet.Device.Twins;

namespace IoTFleet.Device;

/// <summary>
/// The device's twin on the server: what operators want of the device, which comes here also when it was changed while the device was away, and what the device says
/// of itself. Safe for use by many threads; got by <see cref="DeviceClient.Twin"/>.
/// </summary>
public sealed class DeviceTwin
{
    private readonly TwinChannel _channel;

    internal DeviceTwin(TwinChannel channel) => _channel = channel;

    /// <summary>The desired version that the application has applied; 0 when nothing was ever wanted. Known at the start, also without a server.</summary>
    public long AppliedVersion => _channel.Desired.Applied.Version;

    /// <summary>The desired document that the application has applied, by which it can set itself up at the start, also without a server; <c>{}</c> when there is none.</summary>
    public JsonElement Applied => MergePatch.Parse(_channel.Desired.Applied.Json);

    /// <summary>
    /// Changes of what is wanted, until the client is disposed. Everything that has changed since the application looked last comes as one change: while it was busy,
    /// disconnected or switched off. A change counts as applied when the application asks for the next one: then it is kept in <see cref="TwinOptions.Folder"/> and the
    /// server is told its version. One that the application leaves the loop with, or that a power cut interrupts, comes again.
    /// </summary>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="DeviceException">The disk did not take an applied version (<see cref="DeviceError.TwinFailed"/>).</exception>
    /// <exception cref="InvalidOperationException">Somebody else reads them at the moment.</exception>
    public IAsyncEnumerable<DesiredChange> DesiredChangesAsync(CancellationToken cancellation = default) => _channel.Desired.ChangesAsync(_channel.KeepAsync, cancellation);

    /// <summary>
    /// Says something of the device and completes when the server has stored it. What is reported while the device is offline is merged and sent as one when it is
    /// back; it is kept in memory, so report again after a restart. Order is kept: the last word on a name counts.
    /// </summary>
    /// <param name="patch">
    /// A JSON Merge Patch (RFC 7396) in UTF-8: an object of at most 32 KB, 10 levels and 1,000 names; what it names is set, null removes, the rest stays. Names have
    /// 1 to 128 bytes and do not begin with <c>$</c>.
    /// </param>
    /// <param name="cancellation">Stops the waiting; the report is sent all the same.</param>
    /// <exception cref="ArgumentException">It is no such patch.</exception>
    /// <exception cref="DeviceException">
    /// The server refused it, with all that were merged with it: the document would get larger than 32 KB (<see cref="DeviceError.PublishRefused"/>); 64 KB wait already
    /// that cannot be merged (<see cref="DeviceError.Dropped"/>); or the client was disposed.
    /// </exception>
    public Task ReportAsync(ReadOnlyMemory<byte> patch, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        if (PatchSyntax.FindProblem(patch.Span) is { } problem)
            throw new ArgumentException($"The report {problem}.", nameof(patch));
        return _channel.Reports.AddAsync(Encoding.UTF8.GetString(patch.Span)).WaitAsync(cancellation);
    }

    /// <summary>The same with a value that is written as a JSON object. A member that is null is removed on the server; to leave it as it is, let it not be written.</summary>
    /// <param name="value">What to report.</param>
    /// <param name="type">How it is written, of a <c>JsonSerializerContext</c>: nothing is found by reflection.</param>
    /// <param name="cancellation">As for the other.</param>
    /// <exception cref="ArgumentException">It is written as no such patch.</exception>
    /// <exception cref="DeviceException">As for the other.</exception>
    public Task ReportAsync<T>(T value, JsonTypeInfo<T> type, CancellationToken cancellation = default) =>
        ReportAsync(JsonSerializer.SerializeToUtf8Bytes(value, type), cancellation);
}
