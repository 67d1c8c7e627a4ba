using System.CommandLine;
using IoTFleet.Api;
using IoTFleet.Pki;
using IoTFleet.Pki.Transparency;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet log verify|check|checkpoint</c>: what the server says is checked here, with its public key and arithmetic alone.</summary>
internal static class LogCommands
{
    private static readonly Argument<string> CertificateFile = new("certificate") { Description = "A PEM file" };
    private static readonly Option<string?> Seen = new("--seen")
    {
        Description = "A file that keeps the log's key and newest head: what it holds from the last time must be the beginning of what is there now; then it is written anew",
    };

    public static Command Create(VerbFactory verb) => new("log", "The log of issued certificates: append-only, and proved to be")
    {
        verb("verify", "Build the tree anew from all entries, compare it with the signed head and with what was seen before", [Seen], VerifyAsync),
        verb("check", "Prove that a certificate is in the log", [CertificateFile, Seen], CheckAsync),
        verb("checkpoint", "Show the signed head and the key", [], ShowAsync),
    };

    private static async Task ShowAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var head = await fleet.GetLogHeadAsync(cancellationToken);
        output.One(head, ApiJson.Default.LogHead, ("key", head.Key), ("checkpoint", head.Checkpoint.Replace('\n', ' ').Trim()));
    }

    private static async Task VerifyAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var file = parsed.GetValue(Seen);
        var answer = await fleet.GetLogHeadAsync(cancellationToken);
        var head = Open(answer.Checkpoint, VerifierOf(answer.Key, file));
        var tree = await BuildAsync(fleet, head.Size, cancellationToken);
        if (!tree.Root(head.Size).AsSpan().SequenceEqual(head.Root)) throw new UnsoundException("The log's entries do not make the head that it has signed.");
        if (Earlier(file) is { } earlier) await CompareAsync(fleet, earlier, head, tree, cancellationToken);
        var server = await fleet.VerifyLogAsync(cancellationToken);
        output.One(server, ApiJson.Default.LogVerification,
            ("entries", $"{head.Size}"), ("root", Convert.ToBase64String(head.Root)), ("stored checkpoints", $"{server.Checkpoints}"), ("problems", $"{server.Problems.Count}"));
        if (server.Problems.Count > 0) throw new UnsoundException("The log is not sound. " + string.Join(' ', server.Problems));
        if (file is not null) await File.WriteAllTextAsync(file, $"{answer.Key}\n{answer.Checkpoint}", cancellationToken);
    }

    private static async Task CheckAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        using var certificate = ReadCertificate(parsed.GetRequiredValue(CertificateFile));
        var answer = await fleet.GetLogHeadAsync(cancellationToken);
        var proof = await fleet.GetInclusionProofAsync(SerialNumber.Of(certificate).Hex, cancellationToken);
        var head = Open(proof.Checkpoint, VerifierOf(answer.Key, parsed.GetValue(Seen)));
        var leaf = MerkleHash.OfLeaf(certificate.RawData);
        if (!MerkleProof.IsIncluded(leaf, proof.Index, head.Size, Hashes(proof.Proof), head.Root)) throw new UnsoundException("The proof does not lead from this certificate to the signed head.");
        output.One(proof, ApiJson.Default.InclusionProof, ("serial", SerialNumber.Of(certificate).Hex), ("index", $"{proof.Index}"), ("of", $"{head.Size}"));
    }

    private static async Task<MerkleTree> BuildAsync(FleetClient fleet, long size, CancellationToken cancellationToken)
    {
        var tree = new MerkleTree();
        await foreach (var entry in fleet.GetLogEntriesAsync(cancellationToken))
        {
            if (tree.Size == size) break; // Issued since.
            if (entry.Index != tree.Size) throw new UnsoundException($"The log has no entry {tree.Size}, but an entry {entry.Index}.");
            tree.Append(Hash(entry.Hash));
        }
        return tree.Size == size ? tree : throw new UnsoundException($"The log has signed for {size} entries and shows {tree.Size}.");
    }

    private static async Task CompareAsync(FleetClient fleet, Checkpoint earlier, Checkpoint head, MerkleTree tree, CancellationToken cancellationToken)
    {
        if (earlier.Size > head.Size) throw new UnsoundException($"The log had {earlier.Size} entries and has {head.Size}.");
        if (tree.Missing(earlier.Size).Any())
        {
            var proof = await fleet.GetConsistencyProofAsync(earlier.Size, head.Size, cancellationToken);
            if (!MerkleProof.IsConsistent(earlier.Size, head.Size, earlier.Root, head.Root, Hashes(proof.Proof))) throw new UnsoundException($"The log is not a continuation of the {earlier.Size} entries seen before.");
        }
        else if (!tree.Root(earlier.Size).AsSpan().SequenceEqual(earlier.Root))
        {
            throw new UnsoundException($"The log's first {earlier.Size} entries are not those seen before.");
        }
    }

    private static Checkpoint Open(string note, NoteVerifier verifier) =>
        Checkpoint.TryOpen(note, verifier, out var head) ? head : throw new UnsoundException("The head is not signed by the log's key.");

    /// <summary>The key that was seen first; another one later is another log.</summary>
    private static NoteVerifier VerifierOf(string told, string? file)
    {
        var kept = file is not null && File.Exists(file) ? File.ReadLines(file).FirstOrDefault("") : told;
        if (!NoteVerifier.TryParse(kept, out var verifier)) throw new UsageException($"{file ?? "The answer"} does not begin with a log's key.");
        return kept == told ? verifier : throw new UnsoundException("The log's key is another than was seen before.");
    }

    private static Checkpoint? Earlier(string? file)
    {
        if (file is null || !File.Exists(file)) return null;
        var text = File.ReadAllText(file);
        var end = text.IndexOf('\n', StringComparison.Ordinal);
        return end > 0 && NoteVerifier.TryParse(text[..end], out var verifier) && Checkpoint.TryOpen(text[(end + 1)..], verifier, out var earlier)
            ? earlier
            : throw new UsageException($"{file} is not a file that 'log verify --seen' has written.");
    }

    private static System.Security.Cryptography.X509Certificates.X509Certificate2 ReadCertificate(string file)
    {
        try
        {
            return PemFile.ReadCertificate(file);
        }
        catch (KeyFileException problem)
        {
            throw new UsageException(problem.Message);
        }
    }

    private static List<byte[]> Hashes(IReadOnlyList<string> proof) => [.. proof.Select(Hash)];

    private static byte[] Hash(string base64)
    {
        var hash = new byte[MerkleHash.Length];
        return base64.Length <= 44 && Convert.TryFromBase64String(base64, hash, out var length) && length == hash.Length ? hash : throw new UnsoundException("The server's answer holds something that is no hash.");
    }
}
