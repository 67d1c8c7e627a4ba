using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// The one way to a certificate. Three steps, of which the first and the last are units of the <see cref="FleetWriter"/>:
/// <code>
///   prepare ─▶ [ check, take, intent, audit ] ─▶ sign ─▶ [ row, log leaf, audit, intent removed ] ─▶ its bytes may leave
/// </code>
/// Nothing is signed without a record that it will be, and nothing leaves without a record that it was. A crash in between leaves the intent behind,
/// and with it the knowledge of what was paid: the same subject with the same key asks again and is served without paying twice.
/// </summary>
public sealed class Issuance(FleetWriter writer, IssuedLog issued, AuditTrail audit, TimeProvider clock)
{
    internal const string IntentAction = "certificate.intent";
    internal const string IntentOutcome = "intended";

    private static readonly CompiledFor<Func<FleetDbContext, string, string, string, CancellationToken, Task<IssuanceIntent?>>> ReadOwed =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string subject, string key, string profile, CancellationToken ct) =>
            db.IssuanceIntents.AsNoTracking().Where(i => i.Subject == subject && i.KeyFingerprint == key && i.Profile == profile).OrderBy(i => i.At).FirstOrDefault()));

    private readonly SubjectTurns _turns = new();

    /// <exception cref="ProfileViolationException">The linter refused what the terms would make.</exception>
    /// <exception cref="IssuanceOvertakenException">Another node issued for the same subject and key at that moment.</exception>
    public async Task<T> RunAsync<T>(IssuanceOrder order, TakeForCertificate<T> take, StoreCertificate<T> store, CancellationToken ct)
    {
        using var turn = await _turns.TakeAsync(order.Subject, ct);
        using var prepared = order.Authority.Prepare(order.Terms);
        var (taking, intent) = await writer.RunAsync((db, token) => TakeAsync(db, order, prepared, take, token), Stands, ct);
        if (taking is Taking<T>.Instead instead) return instead.Answer;

        // From here on it is finished, whether or not the requester is still there: it has paid.
        var leaf = order.Authority.Sign(prepared);
        return await writer.RunAsync((db, token) => StoreAsync(db, order, intent!, leaf, store, token), CancellationToken.None);
    }

    private static bool Stands<T>((Taking<T> Taking, IssuanceIntent? Intent) taken) => taken.Taking is not Taking<T>.Instead { Keep: false };

    private async Task<(Taking<T>, IssuanceIntent?)> TakeAsync<T>(
        FleetDbContext db, IssuanceOrder order, PreparedLeaf prepared, TakeForCertificate<T> take, CancellationToken ct)
    {
        var owed = await FindOwedAsync(db, order, prepared.Profile.ToString(), ct);
        var taking = await take(db, owed, ct);
        if (taking is not Taking<T>.Granted) return (taking, null);
        var intent = IntentFor(order, prepared, owed);
        await db.Statements.InsertAsync(intent, ct);
        if (owed is not null) await RemoveAsync(db, owed, ct); // Its certificate, if it was signed at all, was never shown to anybody.
        audit.Write(db, order.Actor, IntentAction, order.Subject, IntentOutcome, Describe(order, intent, owed));
        return (taking, intent);
    }

    private async Task<T> StoreAsync<T>(
        FleetDbContext db, IssuanceOrder order, IssuanceIntent intent, IssuedLeaf leaf, StoreCertificate<T> store, CancellationToken ct)
    {
        await RemoveAsync(db, intent, ct);
        var index = await issued.AppendAsync(db, leaf.Der, leaf.SerialHex, ct);
        var answer = await store(db, new SignedCertificate(leaf, intent, index), ct);
        audit.Done(db, order.Actor, order.Action, order.Subject,
            $"certificate {leaf.SerialHex}, until {leaf.NotAfter:u}, sha256 {Fingerprint.Sha256(leaf.Der.Span)}, log index {index}, from {order.Origin ?? "nowhere"}");
        return answer;
    }

    /// <summary>There hardly ever is one, so the question is asked before the row is read.</summary>
    private static async Task<IssuanceIntent?> FindOwedAsync(FleetDbContext db, IssuanceOrder order, string profile, CancellationToken ct)
    {
        const string Sql = """SELECT 1 FROM "IssuanceIntents" WHERE "Subject" = @p0 AND "KeyFingerprint" = @p1 AND "Profile" = @p2""";
        return await db.Statements.AnyAsync(Sql, ct, order.Subject, order.KeyFingerprint, profile) ? await ReadOwed.In(db)(db, order.Subject, order.KeyFingerprint, profile, ct) : null;
    }

    private static async Task RemoveAsync(FleetDbContext db, IssuanceIntent intent, CancellationToken ct)
    {
        var removed = await db.Statements.ExecuteAsync("""DELETE FROM "IssuanceIntents" WHERE "Serial" = @p0""", ct, intent.Serial);
        if (removed == 0) throw new IssuanceOvertakenException(intent.Serial);
    }

    private IssuanceIntent IntentFor(IssuanceOrder order, PreparedLeaf prepared, IssuanceIntent? owed) => new()
    {
        Serial = prepared.Serial.Hex,
        Profile = prepared.Profile.ToString(),
        Subject = order.Subject,
        KeyFingerprint = order.KeyFingerprint,
        IssuerId = prepared.IssuerId,
        Door = owed is null ? order.Door : owed.Door,
        TokenId = owed is null ? order.TokenId : owed.TokenId,
        BatchId = owed is null ? order.BatchId : owed.BatchId,
        TbsHash = prepared.TbsHash,
        At = clock.GetUtcNow(),
    };

    private static string Describe(IssuanceOrder order, IssuanceIntent intent, IssuanceIntent? owed) =>
        $"certificate {intent.Serial}, profile {intent.Profile}, tbs {intent.TbsHash}, key {intent.KeyFingerprint}, issuer {intent.IssuerId}, "
        + $"door {intent.Door?.ToString() ?? "none"}, token {intent.TokenId ?? "none"}, batch {intent.BatchId ?? "none"}, "
        + $"policy {IssuancePolicy.Version}, linter {PreparedLeaf.LinterVersion}, from {order.Origin ?? "nowhere"}"
        + (owed is null ? "" : $", instead of {owed.Serial}");
}
