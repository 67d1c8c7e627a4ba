namespace IoTFleet.Pki;

/// <summary>The names a fleet's certificates carry, all below its domain.</summary>
public sealed record FleetNames
{
    private const int MaxDomainLength = 100;

    public FleetNames(string domain)
    {
        if (!IsDomain(domain))
        {
            throw new ArgumentException(
                $"The fleet's domain '{domain}' must be a lower-case host name of at most {MaxDomainLength} characters, such as fleet.local.",
                nameof(domain));
        }
        Domain = domain;
    }

    public string Domain { get; }
    public string DeviceHost => "device." + Domain;
    public string ServiceHost => "service." + Domain;
    public string ClaimHost => "claim." + Domain;

    public Uri DeviceUri(string id) => Identity(DeviceHost, id);
    public Uri ServiceUri(string name) => Identity(ServiceHost, name);
    public Uri ClaimUri(string batch) => Identity(ClaimHost, batch);

    private static Uri Identity(string host, string name) => DeviceName.IsValid(name)
        ? new Uri($"spiffe://{host}/{name}")
        : throw new ArgumentException($"'{name}' is not a valid name: {DeviceName.Rule}.", nameof(name));

    private static bool IsDomain(string domain) =>
        domain.Length is > 0 and <= MaxDomainLength && domain.Split('.').All(IsLabel);

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' &&
        label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');
}
