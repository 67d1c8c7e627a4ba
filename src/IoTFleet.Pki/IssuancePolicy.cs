using System.Diagnostics.CodeAnalysis;

namespace IoTFleet.Pki;

/// <summary>How long the certificates of devices and services live.</summary>
public sealed record IssuanceOptions
{
    public static readonly TimeSpan MinLifetime = TimeSpan.FromHours(1);
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(90);
    public static readonly TimeSpan MinServiceLifetime = TimeSpan.FromDays(1);
    public static readonly TimeSpan MaxServiceLifetime = TimeSpan.FromDays(366);
    public static readonly TimeSpan MinBackdate = TimeSpan.FromMinutes(5);
    public static readonly TimeSpan MaxBackdate = TimeSpan.FromHours(24);

    /// <summary>From the first to the last second, the backdating included.</summary>
    public TimeSpan DeviceLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How far before now a certificate starts, for nodes and devices whose clocks differ.</summary>
    public TimeSpan DeviceBackdate { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Of a service; backdated as a device's.</summary>
    public TimeSpan ServiceLifetime { get; init; } = TimeSpan.FromDays(90);

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check(nameof(DeviceLifetime), DeviceLifetime, MinLifetime, MaxLifetime);
        Check(nameof(DeviceBackdate), DeviceBackdate, MinBackdate, MaxBackdate);
        Check(nameof(ServiceLifetime), ServiceLifetime, MinServiceLifetime, MaxServiceLifetime);
        if (DeviceBackdate > DeviceLifetime / 2)
            throw new ArgumentException($"DeviceBackdate ({DeviceBackdate}) must be at most half of DeviceLifetime ({DeviceLifetime}).");
    }

    private static void Check(string setting, TimeSpan value, TimeSpan min, TimeSpan max)
    {
        if (value < min || value > max) throw new ArgumentException($"{setting} must be between {min} and {max}, but is {value}.");
    }
}

/// <summary>
/// What a request may ask for. Names, usages and lifetime are the server's decision; nothing is copied from the request,
/// and a request that asks for anything else than it would get is refused rather than silently corrected.
/// </summary>
public sealed class IssuancePolicy
{
    /// <summary>Goes up with every change of what is decided here; each signature's record says by which it was allowed.</summary>
    public const int Version = 1;

    private readonly FleetNames _names;
    private readonly IssuanceOptions _options;

    public IssuancePolicy(FleetNames names, IssuanceOptions? options = null)
    {
        _names = names;
        _options = options ?? new IssuanceOptions();
        _options.Validate();
    }

    public bool TryForDevice(
        string id, SigningRequest request, [NotNullWhen(true)] out LeafTerms? terms, [NotNullWhen(false)] out string? problem, string? hardwareSerial = null)
    {
        terms = null;
        problem = DeviceName.IsValid(id) ? FindProblem(id, _names.DeviceUri(id), request, hardwareSerial) : $"the device id must be {DeviceName.Rule}";
        if (problem is not null) return false;
        terms = new LeafTerms(id, _names.DeviceUri(id), request.SubjectPublicKeyInfo, _options.DeviceLifetime, _options.DeviceBackdate)
        {
            HardwareSerial = hardwareSerial,
        };
        return true;
    }

    public bool TryForService(
        string name, SigningRequest request, [NotNullWhen(true)] out LeafTerms? terms, [NotNullWhen(false)] out string? problem)
    {
        terms = null;
        problem = DeviceName.IsValid(name) ? FindProblem(name, _names.ServiceUri(name), request) : $"the service's name must be {DeviceName.Rule}";
        if (problem is not null) return false;
        terms = new LeafTerms(name, _names.ServiceUri(name), request.SubjectPublicKeyInfo, _options.ServiceLifetime, _options.DeviceBackdate)
        {
            Profile = Profile.Service,
        };
        return true;
    }

    private static string? FindProblem(string name, Uri identity, SigningRequest request, string? hardwareSerial = null)
    {
        if (request.CommonName is { } commonName && commonName != name) return $"the request's subject must be absent or CN={name}";
        if (request.HardwareSerial is { } serial && serial != hardwareSerial)
            return hardwareSerial is null ? "the request's subject must not hold a serialNumber: none is on record" : $"the request's serialNumber must be absent or {hardwareSerial}";
        if (request.RequestedUri is { } uri && uri != identity.OriginalString)
            return $"the request's subject alternative name must be absent or {identity.OriginalString}";
        return null;
    }
}
