namespace IoTFleet.Device.Identity;

/// <summary>
/// Whom this device believes now: the roots of the newest trust bundle it has taken, or, until it has one, those of its enrolment.
/// <code>
/// a bundle comes -> signed by whom is believed already? this fleet's? newer? -> key store -> believed, from the next connection on
/// </code>
/// A root that a newer bundle leaves out is believed no more; one that the device was enrolled with is no exception.
/// </summary>
internal sealed class DeviceTrust
{
    private readonly DeviceOptions _options;
    private readonly SemaphoreSlim _taking = new(1);
    private volatile TrustBundle? _held;
    private volatile PinnedTrust _pinned;

    private DeviceTrust(DeviceOptions options)
    {
        (_options, Pin) = (options, RootPin.Load(options));
        Time = new DeviceTime(options.Clock, options.BuiltAt);
        _pinned = PinnedTrust.Nothing(Time);
    }

    public DeviceTime Time { get; }

    /// <summary>By what the fleet was known at first.</summary>
    public RootPin Pin { get; }

    /// <summary>For the next connection; nobody is believed before there is an enrolment.</summary>
    public PinnedTrust Pinned => _pinned;

    /// <summary>Of the bundle that is held; null without one.</summary>
    public long? Version => _held?.Version;

    /// <summary>What the key store holds. A bundle that was damaged there counts as none: the enrolment's roots are still known, and the server has another.</summary>
    public static async ValueTask<DeviceTrust> LoadAsync(DeviceOptions options, CancellationToken cancellation)
    {
        var trust = new DeviceTrust(options);
        if (await options.KeyStore.LoadTrustBundleAsync(cancellation) is not { } document)
            return trust;
        if (TrustBundle.TryRead(document, out var bundle, out var problem))
            trust.Use(bundle);
        else
            trust.Tell($"The trust bundle in the key store of {options.DeviceId} is of no use: {problem}. The roots of the enrolment are believed until the server gives another.");
        return trust;
    }

    /// <summary>The device was enrolled with these. A bundle that is held goes before them.</summary>
    public void AnchorAt(IEnumerable<ReadOnlyMemory<byte>> roots)
    {
        if (_held is null)
            _pinned = PinnedTrust.In(roots, Time);
    }

    /// <summary>The device begins anew, by the fingerprint of a root: what an earlier fleet has said is void.</summary>
    public async ValueTask ForgetAsync(CancellationToken cancellation)
    {
        if (_held is null)
            return;
        await _options.KeyStore.SaveTrustBundleAsync(null, cancellation);
        (_held, _pinned) = (null, PinnedTrust.Nothing(Time));
    }

    /// <summary>The bundle that is held names the root that the device was given.</summary>
    public bool NamesPinned => _held?.Anchors.Any(root => Pin.Covers(root.RawData)) ?? false;

    /// <summary>Takes a bundle that the server gave, if it is newer than the one held.</summary>
    /// <returns>True when it is believed from now on; false for the one that is held.</returns>
    /// <exception cref="DeviceException">It is not to be believed, or it could not be kept; the one that was held stays.</exception>
    public async Task<bool> TakeAsync(ReadOnlyMemory<byte> document, string fleet, CancellationToken cancellation)
    {
        await _taking.WaitAsync(cancellation);
        try
        {
            if (!TrustBundle.TryVerify(document, _pinned, out var bundle, out var problem))
                throw Refused(problem);
            if (bundle.Fleet != fleet)
                throw Refused($"it is of the fleet {bundle.Fleet}, not of {fleet}");
            if (bundle.Version == _held?.Version)
                return false;
            if (bundle.Version < _held?.Version)
                throw Refused($"it has version {bundle.Version}, and {_held.Version} is held: somebody shows an older one, or the server's database was put back");

            await _options.KeyStore.SaveTrustBundleAsync(bundle.Document, cancellation);
            Use(bundle);
            return true;
        }
        finally
        {
            _taking.Release();
        }
    }

    /// <summary>One that is refused is told of; what was believed before stays, and so does all else.</summary>
    public async Task<bool> TryTakeAsync(ReadOnlyMemory<byte> document, string fleet, CancellationToken cancellation)
    {
        try
        {
            return await TakeAsync(document, fleet, cancellation);
        }
        catch (DeviceException refused)
        {
            Tell(refused);
            return false;
        }
    }

    public void Tell(string problem) => Tell(Refusal(problem));

    public void Tell(DeviceException trouble) => _options.TroubleMet?.Invoke(trouble);

    // The old one's certificates are left to the collector: a handshake may be using them.
    private void Use(TrustBundle bundle)
    {
        Time.AtLeast(bundle.IssuedAt);
        (_held, _pinned) = (bundle, new PinnedTrust(bundle.Anchors, Time));
    }

    private DeviceException Refused(string? problem) => Refusal($"The trust bundle that {_options.Server.Authority} gave was refused: {problem}. What {_options.DeviceId} believed before stays.");

    private static DeviceException Refusal(string problem) => new(DeviceError.TrustBundleRefused, problem);
}
