using System.Runtime.CompilerServices;
using IoTFleet.Fleet.Audit;

namespace IoTFleet.Fleet.Enrolment.Import;

/// <param name="Rows">Read as they are needed, so the file may be of any length.</param>
/// <param name="DryRun">Says what would be done, and does nothing.</param>
public sealed record ImportDevicesRequest(IAsyncEnumerable<ImportRow> Rows, bool DryRun = false);

public abstract record ImportDevicesResult
{
    private ImportDevicesResult() { }

    /// <param name="Rows">One for each row, in their order; a row is told of once it is committed. The import goes on as far as this is read.</param>
    public sealed record Running(IAsyncEnumerable<ImportRowResult> Rows) : ImportDevicesResult;
    public sealed record Forbidden : ImportDevicesResult;
}

/// <summary>
/// Makes devices known, and serial numbers welcome, by the thousand. Rows go in in batches, each a unit of the writer between those of devices that enrol meanwhile.
/// A row that is as it should be changes nothing, so an import that broke off is simply done again, or from where it broke off.
/// </summary>
public sealed class ImportDevices(FleetWriter writer, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "device.import";
    private const int RowsInABatch = 250;

    public async Task<ImportDevicesResult> RunAsync(Actor actor, ImportDevicesRequest request, CancellationToken ct)
    {
        if (actor.May(Permission.ManageDevices)) return new ImportDevicesResult.Running(ImportAsync(actor, request, ct));
        await audit.ForbiddenAsync(actor, Action, "devices", ct);
        return new ImportDevicesResult.Forbidden();
    }

    private async IAsyncEnumerable<ImportRowResult> ImportAsync(Actor actor, ImportDevicesRequest request, [EnumeratorCancellation] CancellationToken ct)
    {
        var batch = new List<ImportRow>(RowsInABatch);
        await foreach (var row in request.Rows.WithCancellation(ct))
        {
            batch.Add(row);
            if (batch.Count < RowsInABatch) continue;
            foreach (var result in await StoreAsync(actor, batch, request.DryRun, ct)) yield return result;
            batch.Clear();
        }
        foreach (var result in await StoreAsync(actor, batch, request.DryRun, ct)) yield return result;
    }

    private async Task<IReadOnlyList<ImportRowResult>> StoreAsync(Actor actor, List<ImportRow> rows, bool dryRun, CancellationToken ct)
    {
        if (rows.Count == 0) return [];
        return await writer.RunAsync<IReadOnlyList<ImportRowResult>>(async (db, stop) =>
        {
            var batch = await ImportBatch.LoadAsync(db, rows, clock.GetUtcNow(), stop);
            List<ImportRowResult> results = [.. rows.Select(batch.Take)];
            var changed = results.Count(result => result.Outcome is ImportOutcome.Registered or ImportOutcome.Updated or ImportOutcome.Listed);
            if (changed > 0) audit.Done(db, actor, Action, $"rows {rows[0].Row} to {rows[^1].Row}", $"{changed} changed of {rows.Count}");
            return results;
        }, _ => !dryRun, ct);
    }
}
