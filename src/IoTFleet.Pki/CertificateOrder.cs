namespace IoTFleet.Pki;

/// <summary>Everything that one certificate is to say, times and serial included. The linter holds what was built against it.</summary>
internal sealed record CertificateOrder
{
    public required Profile Profile { get; init; }
    public required SerialNumber Serial { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public required ReadOnlyMemory<byte> SubjectPublicKeyInfo { get; init; }
    public required string CommonName { get; init; }

    /// <summary>Of an authority: the fleet's domain.</summary>
    public string? Organization { get; init; }
    public string? HardwareSerial { get; init; }
    public string? Uri { get; init; }
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Of the authority for servers: the only DNS suffixes it may name. Empty: any.</summary>
    public IReadOnlyList<string> DnsSuffixes { get; init; } = [];

    /// <summary>Of a cross-certificate: whose name, key and constraints it repeats.</summary>
    public IssuerFacts? Original { get; init; }
    public string? CrlUrl { get; init; }
    public string? IssuerUrl { get; init; }
    public string? OcspUrl { get; init; }

    public static CertificateOrder Of(LeafTerms terms, DateTimeOffset notBefore, DateTimeOffset notAfter) => new()
    {
        Profile = terms.Profile,
        Serial = SerialNumber.Create(),
        NotBefore = notBefore,
        NotAfter = notAfter,
        SubjectPublicKeyInfo = terms.SubjectPublicKeyInfo,
        CommonName = terms.CommonName,
        Organization = terms.Original?.Organization,
        DnsSuffixes = terms.Original?.DnsSuffixes ?? [],
        Original = terms.Original,
        HardwareSerial = terms.HardwareSerial,
        Uri = terms.Identity?.OriginalString,
        Hosts = terms.Hosts,
        CrlUrl = terms.CrlUrl?.OriginalString,
        IssuerUrl = terms.IssuerUrl?.OriginalString,
        OcspUrl = terms.OcspUrl?.OriginalString,
    };
}
