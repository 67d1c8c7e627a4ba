using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Mqtt;
using IoTFleet.Pki;
using IoTFleet.Pki.Transparency;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests;

/// <summary>Audit and log of issued certificates as an operator meets them, and what the log keeps out.</summary>
public sealed class RecordTests : IAsyncLifetime
{
    private readonly TemporaryFolder _kept = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _kept.Dispose();
    }

    [Fact]
    public async Task The_audit_is_listed_filtered_and_verified_by_command_line()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        var anchors = _kept.File("anchors");

        Assert.Contains("device.enrol", (await RunAsync(0, "audit", "list", "--subject", "pump-7")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("device.enrol", (await RunAsync(0, "audit", "list", "--action", "token.")).Output, StringComparison.Ordinal);
        await RunAsync(0, "audit", "verify", "--anchors", anchors);
        await RunAsync(0, "device", "suspend", "pump-7");
        await RunAsync(0, "audit", "verify", "--anchors", anchors);
    }

    [Fact]
    public async Task A_changed_byte_fails_the_audits_verification()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await WriteAsync("UPDATE Audit SET Detail = replace(Detail, 'certificate', 'certificatE') WHERE Action = 'device.enrol'");

        Assert.Contains("is not what was written", (await RunAsync(1, "audit", "verify")).Errors, StringComparison.Ordinal);
        Assert.NotEmpty((await _server.Client.VerifyAuditAsync()).Problems);
    }

    [Fact]
    public async Task The_audit_is_read_page_by_page()
    {
        using var certificate = await _server.EnrolAsync("pump-7");

        var first = await _server.Client.GetAuditPageAsync(new AuditQuery { Subject = "pump-7" }, limit: 1);
        var second = await _server.Client.GetAuditPageAsync(new AuditQuery { Subject = "pump-7" }, first.Next);

        Assert.Equal(["device.enrol", "certificate.intent"], first.Items.Concat(second.Items).Select(entry => entry.Action));
        Assert.All(first.Items, entry => Assert.Equal(64, entry.Hash.Length));
    }

    [Fact]
    public async Task The_log_is_verified_and_a_certificate_found_in_it_by_command_line()
    {
        var (seen, file) = (_kept.File("seen"), _kept.File("pump-7.pem"));
        using var certificate = await _server.EnrolAsync("pump-7");
        await File.WriteAllTextAsync(file, certificate.ExportCertificatePem());

        await RunAsync(0, "log", "verify", "--seen", seen);
        using var another = await _server.EnrolAsync("pump-8");
        await RunAsync(0, "log", "verify", "--seen", seen);
        await RunAsync(0, "log", "check", file, "--seen", seen);
        await File.WriteAllTextAsync(file, another.ExportCertificatePem().Replace("MII", "MIJ", StringComparison.Ordinal));
        await RunAsync(2, "log", "check", file);
    }

    [Fact]
    public async Task A_log_that_is_not_the_one_seen_before_is_noticed()
    {
        var seen = _kept.File("seen");
        using var certificate = await _server.EnrolAsync("pump-7");
        using var other = LogKey.Of(new TestPki(new FakeClock()).Authorities);
        await File.WriteAllTextAsync(seen, $"{other.Verifier}\n{other.Sign(new Checkpoint(other.Verifier.Name, 1, new byte[32]).Text)}");

        Assert.Contains("another than was seen before", (await RunAsync(1, "log", "verify", "--seen", seen)).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proof_and_consistency_are_checked_with_hashes_alone()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        Assert.True(NoteVerifier.TryParse((await _server.Client.GetLogHeadAsync()).Key, out var verifier));
        Assert.True(Checkpoint.TryOpen((await _server.Client.GetLogHeadAsync()).Checkpoint, verifier, out var earlier));
        using var another = await _server.EnrolAsync("pump-8");

        var proof = await _server.Client.GetInclusionProofAsync(SerialNumber.Of(another).Hex);
        var consistency = await _server.Client.GetConsistencyProofAsync(earlier.Size);

        Assert.True(Checkpoint.TryOpen(proof.Checkpoint, verifier, out var later));
        Assert.True(MerkleProof.IsIncluded(MerkleHash.OfLeaf(another.RawData), proof.Index, later.Size, Hashes(proof.Proof), later.Root));
        Assert.True(MerkleProof.IsConsistent(earlier.Size, later.Size, earlier.Root, later.Root, Hashes(consistency.Proof)));
    }

    [Fact]
    public async Task What_is_not_in_the_log_has_no_proof()
    {
        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.GetInclusionProofAsync("00ff"));
        Assert.Equal(ProblemCodes.NotInLog, problem.Code);
    }

    /// <summary>Attack row 33: an insider with the authority's key signs outside the API, and writes the row that the API would have written.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Row_33_A_certificate_signed_outside_the_api_is_refused_with_or_without_a_row(bool withRow)
    {
        using var good = await _server.EnrolAsync("pump-7");
        using var rogue = Rogue("pump-7");
        if (withRow) await WriteAsync($"""
            INSERT INTO Certificates (Serial, DeviceId, KeyFingerprint, IssuerId, Door, Der, NotBeforeUs, NotAfterUs, KeyUses, LogIndex)
            SELECT '{SerialNumber.Of(rogue).Hex}', DeviceId, KeyFingerprint, IssuerId, Door, x'{Convert.ToHexString(rogue.RawData)}', NotBeforeUs, NotAfterUs, 0, 0 FROM Certificates
            """);

        await using var client = await _server.OpenAsync(rogue);
        var answer = await client.ConnectAsync("pump-7");

        Assert.Equal(ReasonCode.NotAuthorized, answer.Reason);
        await client.ExpectClosedAsync();
        Assert.Equal(1, _server.Refused("not-in-log"));
        await using var device = await _server.ConnectAsync("pump-7", good);
    }

    [Fact]
    public async Task The_log_signs_nothing_more_once_its_rows_were_changed()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await _server.Client.GetLogHeadAsync();
        await _server.RestartAsync();
        _server.ExpectedEvents = ["LogDamaged"];
        await WriteAsync("UPDATE LogLeaves SET Hash = randomblob(32)");

        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.GetLogHeadAsync());

        Assert.Equal(ProblemCodes.LogDamaged, problem.Code);
        using var another = await _server.EnrolAsync("pump-8"); // Devices still enrol.
    }

    [Fact]
    public async Task The_servers_own_certificate_is_intended_recorded_and_in_the_log()
    {
        var serial = await OwnSerialAsync();
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        var entries = await db.Audit.Where(entry => entry.Detail!.Contains(serial)).OrderBy(entry => entry.Id).Select(entry => entry.Action).ToListAsync();

        Assert.Equal(["certificate.intent", "server.issue"], entries);
        Assert.Equal(1, await db.LogLeaves.CountAsync(leaf => leaf.Serial == serial));
        Assert.Equal(1, await db.ServerCertificates.CountAsync(certificate => certificate.Serial == serial));
    }

    [Fact]
    public async Task A_server_certificate_that_an_older_database_does_not_know_is_replaced()
    {
        var serial = await OwnSerialAsync();
        await WriteAsync($"DELETE FROM ServerCertificates WHERE Serial = '{serial}'");

        await _server.RestartAsync();

        Assert.NotEqual(serial, await OwnSerialAsync());
    }

    private async Task<string> OwnSerialAsync()
    {
        using var certificate = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(Path.Combine(_server.DataPath, "tls", "server.pem")));
        return SerialNumber.Of(certificate).Hex;
    }

    /// <summary>Whoever else signed would leave no intent behind.</summary>
    [Fact]
    public void Nothing_but_issuance_signs_certificates_with_an_authoritys_key()
    {
        var signing = new Regex(@"\.(Issue|IssueServer)\(|\.Sign\(prepared", RegexOptions.CultureInvariant);
        var others = Directory.EnumerateFiles(Repository.PathTo("src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("IoTFleet.Pki", StringComparison.Ordinal) && !file.EndsWith("Issuance.cs", StringComparison.Ordinal))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Where(file => signing.IsMatch(File.ReadAllText(file)));

        Assert.Empty(others);
    }

    private X509Certificate2 Rogue(string id)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var terms = new LeafTerms(id, _server.Authorities.Names.DeviceUri(id), key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(1), TimeSpan.FromMinutes(5));
        using var certificate = new CertificateAuthority(_server.Authorities.Devices, TimeProvider.System).Issue(terms).Load();
        return certificate.CopyWithPrivateKey(key);
    }

    private async Task WriteAsync(string sql)
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        Assert.True(await db.Database.ExecuteSqlRawAsync(sql) > 0);
    }

    private static List<byte[]> Hashes(IReadOnlyList<string> proof) => [.. proof.Select(Convert.FromBase64String)];

    private async Task<PeerResult> RunAsync(int exitCode, params string[] arguments)
    {
        var result = await Peers.RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "iotfleet.dll"), .. arguments, "--data", _server.DataPath]);
        Assert.True(result.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {result.ExitCode} {result.Everything}");
        return result;
    }
}
