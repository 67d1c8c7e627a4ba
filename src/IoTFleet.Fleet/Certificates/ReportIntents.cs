using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// At the start: says which intents have no result. Each was left by a crash between the leave to sign and the stored certificate;
/// whether the key signed cannot be known, but nothing was handed out. They stay, because their subjects have paid.
/// </summary>
public sealed class ReportIntents(FleetWriter writer, AuditTrail audit, ILogger<ReportIntents> log)
{
    internal const string Outcome = "no-result";
    private const int MaxNamed = 1_000;

    public async Task RunAsync(CancellationToken ct)
    {
        var left = await writer.RunAsync(WriteAsync, ct);
        foreach (var intent in left) FleetLog.IntentWithoutResult(log, intent.Serial, intent.Profile, intent.Subject, intent.At);
    }

    private async Task<List<IssuanceIntent>> WriteAsync(FleetDbContext db, CancellationToken ct)
    {
        var left = await db.IssuanceIntents.AsNoTracking().OrderBy(i => i.At).Take(MaxNamed).ToListAsync(ct);
        foreach (var intent in left)
            audit.Write(db, Actor.System, Issuance.IntentAction, intent.Subject, Outcome, $"certificate {intent.Serial}, profile {intent.Profile}, tbs {intent.TbsHash}, key {intent.KeyFingerprint}, intended at {intent.At:u}");
        return left;
    }
}
