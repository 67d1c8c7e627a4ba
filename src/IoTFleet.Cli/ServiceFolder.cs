using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Pki;

namespace IoTFleet.Cli;

/// <summary>Where a service finds its key, its certificate and the root it believes; for its owner only.</summary>
internal sealed record ServiceFolder
{
    private readonly string _folder;

    private ServiceFolder(string folder, string name) => (_folder, Name) = (folder, name);

    public string Name { get; }

    public string KeyFile => Path.Combine(_folder, "service.key");

    public string CertificateFile => Path.Combine(_folder, "service.pem");

    public string RootFile => Path.Combine(_folder, "root.pem");

    /// <exception cref="UsageException">It cannot be made, or holds another service's certificate.</exception>
    public static ServiceFolder Of(string folder, string name)
    {
        var made = new ServiceFolder(Path.GetFullPath(folder), name);
        try
        {
            PemFile.CreateSecretFolder(made._folder);
            if (made.Holder() is { } other && other != name)
                throw new UsageException($"{made.CertificateFile} is the certificate of {other}; name another folder with --out.");
            return made;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyFileException)
        {
            throw new UsageException($"The folder {made._folder} cannot be used: {e.Message}");
        }
    }

    /// <summary>All three, in the order that a half-done renewal shows as a mismatch and not as a missing key.</summary>
    public void Write(ECDsa key, IssuedServiceCertificate issued)
    {
        try
        {
            PemFile.WriteSecret(RootFile, issued.RootPem);
            PemFile.WriteSecret(KeyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
            PemFile.WriteSecret(CertificateFile, issued.CertificatePem);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The certificate was issued but cannot be kept: {e.Message} Mend that and issue another one with: iotfleet service issue {Name} --out {_folder}");
        }
    }

    private string? Holder()
    {
        if (!File.Exists(CertificateFile)) return null;
        using var certificate = PemFile.ReadCertificate(CertificateFile);
        return certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
    }
}
