using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace IoTFleet.Pki.Transparency;

/// <summary>Checks signed notes (c2sp.org/signed-note) of one key. Other signatures on a note are passed over, as they must be.</summary>
public sealed class NoteVerifier
{
    private const byte Ecdsa = 0x02;
    private const string Dash = "\u2014 ";
    private const int KeyIdLength = 4;
    private const int MaxLength = 100_000;

    private readonly byte[] _subjectPublicKeyInfo;
    private readonly byte[] _id;

    public NoteVerifier(string name, byte[] subjectPublicKeyInfo)
    {
        if (name.Length == 0 || name.Any(c => char.IsWhiteSpace(c) || c == '+')) throw new ArgumentException("A key's name has neither spaces nor plus signs.", nameof(name));
        (Name, _subjectPublicKeyInfo) = (name, subjectPublicKeyInfo);
        _id = SHA256.HashData(subjectPublicKeyInfo)[..KeyIdLength]; // For this type of key the hash is over the key alone.
    }

    public string Name { get; }

    /// <summary>The form in which such keys are handed about: name, id, type and key.</summary>
    public override string ToString() => $"{Name}+{Convert.ToHexStringLower(_id)}+{Convert.ToBase64String([Ecdsa, .. _subjectPublicKeyInfo])}";

    public static bool TryParse(string text, [NotNullWhen(true)] out NoteVerifier? verifier)
    {
        verifier = null;
        var parts = text.Trim().Split('+', 3); // Base64 may hold more of them.
        var key = new byte[256];
        if (parts.Length != 3 || parts[0].Length == 0 || parts[2].Length > 300 || !Convert.TryFromBase64String(parts[2], key, out var length) || length < 2 || key[0] != Ecdsa) return false;
        try
        {
            using var parsed = ECDsa.Create();
            parsed.ImportSubjectPublicKeyInfo(key.AsSpan(1, length - 1), out var read);
            if (read != length - 1 || parts[0].Any(char.IsWhiteSpace)) return false;
        }
        catch (CryptographicException) // Anybody may have written it.
        {
            return false;
        }
        var candidate = new NoteVerifier(parts[0], key[1..length]);
        if (!candidate.ToString().Equals(text.Trim(), StringComparison.Ordinal)) return false;
        verifier = candidate;
        return true;
    }

    /// <returns>Whether this key has signed it; then also the text it signed, its last newline included.</returns>
    public bool TryOpen(string note, [NotNullWhen(true)] out string? text)
    {
        text = null;
        var end = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0 || note.Length > MaxLength || !note.EndsWith('\n')) return false;
        var signed = note[..(end + 1)];
        foreach (var line in note[(end + 2)..^1].Split('\n'))
        {
            if (!TryReadSignature(line, out var signature)) continue;
            if (!Verifies(signed, signature)) return false; // A wrong signature of the right key spoils the note.
            text = signed;
            return true;
        }
        return false;
    }

    internal string SignatureLine(byte[] signature) => $"{Dash}{Name} {Convert.ToBase64String([.. _id, .. signature])}";

    private bool TryReadSignature(string line, out byte[] signature)
    {
        signature = [];
        var prefix = $"{Dash}{Name} ";
        var bytes = new byte[256];
        if (!line.StartsWith(prefix, StringComparison.Ordinal) || line.Length > prefix.Length + 300) return false;
        if (!Convert.TryFromBase64String(line[prefix.Length..], bytes, out var length) || length <= KeyIdLength || !bytes.AsSpan(0, KeyIdLength).SequenceEqual(_id)) return false;
        signature = bytes[KeyIdLength..length];
        return true;
    }

    private bool Verifies(string text, byte[] signature)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(_subjectPublicKeyInfo, out _);
        return key.VerifyData(Encoding.UTF8.GetBytes(text), signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }
}

/// <summary>A tree's head as a log states it (c2sp.org/tlog-checkpoint): three lines, without extensions.</summary>
public sealed record Checkpoint(string Origin, long Size, byte[] Root)
{
    public string Text => $"{Origin}\n{Size}\n{Convert.ToBase64String(Root)}\n";

    /// <returns>Whether the key has signed it and it is a checkpoint of the key's own log.</returns>
    public static bool TryOpen(string note, NoteVerifier verifier, [NotNullWhen(true)] out Checkpoint? checkpoint)
    {
        checkpoint = null;
        if (!verifier.TryOpen(note, out var text) || text.Split('\n') is not [var origin, var digits, var base64, ..] || origin != verifier.Name) return false;
        var root = new byte[MerkleHash.Length + 3];
        if (!long.TryParse(digits, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var size) || $"{size}" != digits) return false;
        if (base64.Length > 44 || !Convert.TryFromBase64String(base64, root, out var length) || length != MerkleHash.Length) return false;
        checkpoint = new Checkpoint(origin, size, root[..length]);
        return true;
    }
}
