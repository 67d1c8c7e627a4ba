using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IoTFleet.Pki;

/// <summary>PEM files on disk: written whole or not at all, secrets readable by their owner only.</summary>
public static class PemFile
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute |
        UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Writes a file that only its owner may read (mode 0600), replacing what is there in one step.</summary>
    public static void WriteSecret(string file, string text) => Write(file, text, Owner);

    /// <summary>Writes a file that everybody may read (mode 0644), replacing what is there in one step.</summary>
    public static void WritePublic(string file, string text) => Write(file, text, Owner | UnixFileMode.GroupRead | UnixFileMode.OtherRead);

    /// <summary>Creates a folder that only its owner may enter (mode 0700).</summary>
    public static void CreateSecretFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, Owner | UnixFileMode.UserExecute);
    }

    public static X509Certificate2 ReadCertificate(string file)
    {
        try
        {
            return X509Certificate2.CreateFromPem(ReadText(file));
        }
        catch (CryptographicException unreadable)
        {
            throw new KeyFileException(file, "does not hold a PEM certificate", "restore it from a backup", unreadable);
        }
    }

    public static ECDsa ReadKey(string file) => ReadKey(file, KeySecrets.None);

    /// <summary>An EC key in the clear or encrypted (PKCS#8, RFC 5958).</summary>
    public static ECDsa ReadKey(string file, KeySecrets secrets)
    {
        var text = ReadText(file);
        RefuseOpenMode(file);
        var encrypted = IsEncrypted(text);
        if (encrypted && !secrets.HasPassphrase) throw new KeyFileException(file, "is encrypted, and there is no passphrase", KeySecrets.Ways);
        var key = ECDsa.Create();
        try
        {
            if (encrypted) key.ImportFromEncryptedPem(text, secrets.Passphrase);
            else key.ImportFromPem(text);
            return key;
        }
        catch (Exception unreadable) when (unreadable is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw encrypted
                ? new KeyFileException(file, "is encrypted, and the passphrase does not open it", "check the passphrase, or restore the file from a backup", unreadable)
                : new KeyFileException(file, "does not hold an EC private key in PEM form", "restore it from a backup", unreadable);
        }
    }

    internal static bool IsEncrypted(string pem) =>
        PemEncoding.TryFind(pem, out var block) && pem.AsSpan()[block.Label].SequenceEqual("ENCRYPTED PRIVATE KEY");

    internal static bool BelongTogether(X509Certificate2 certificate, ECDsa key) =>
        certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.ExportSubjectPublicKeyInfo());

    private static void Write(string file, string text, UnixFileMode mode)
    {
        var draft = file + ".new";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = mode; // At creation: a later chmod leaves a moment in between.

        File.Delete(draft); // A draft left by a crash keeps its own mode, so it must not be reused.
        using (var stream = new FileStream(draft, options))
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        File.Move(draft, file, overwrite: true);
    }

    /// <summary>Turns what the file system says while writing into the one line that names the place.</summary>
    public static void WhileWriting(string place, Action write)
    {
        try
        {
            write();
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            throw new KeyFileException(place, "cannot be written", "make it writable for the account the server runs as", unwritable);
        }
    }

    internal static string ReadText(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new KeyFileException(file, "is missing", "restore it from a backup", missing);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new KeyFileException(file, "cannot be read", "make it readable for the account the server runs as", unreadable);
        }
    }

    private static void RefuseOpenMode(string file)
    {
        if (OperatingSystem.IsWindows()) return;
        var mode = File.GetUnixFileMode(file);
        if ((mode & Others) == 0) return;
        throw new KeyFileException(file, $"is open to other users (mode {Convert.ToString((int)mode, 8).PadLeft(4, '0')})", $"run: chmod 600 {file}");
    }
}
