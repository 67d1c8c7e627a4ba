using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>Which devices are to renew now: one, those of a group, or all when neither is named.</summary>
public sealed record RequestRenewalRequest(string? DeviceId = null, string? GroupId = null);

public abstract record RequestRenewalResult
{
    private RequestRenewalResult() { }

    /// <param name="Devices">How many will renew before their time.</param>
    /// <param name="Over">The time over which they are spread.</param>
    public sealed record Requested(int Devices, TimeSpan Over) : RequestRenewalResult;
    public sealed record Forbidden : RequestRenewalResult;
}

/// <summary>Asks devices for a new certificate before the present one's time. They learn of it when they next ask for their window.</summary>
public sealed class RequestRenewal(FleetWriter writer, RenewalOptions options, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "certificate.request-renewal";

    public async Task<RequestRenewalResult> RunAsync(Actor actor, RequestRenewalRequest request, CancellationToken ct)
    {
        var subject = request.DeviceId ?? (request.GroupId is { } group ? $"group:{group}" : "all");
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, Action, subject, ct);
            return new RequestRenewalResult.Forbidden();
        }
        var devices = await writer.RunAsync(
            async (db, stop) =>
            {
                DateTimeOffset? now = clock.GetUtcNow();
                var asked = await Chosen(db, request).ExecuteUpdateAsync(set => set.SetProperty(d => d.RenewRequestedAt, now), stop);
                audit.Done(db, actor, Action, subject, $"{asked} devices");
                return asked;
            },
            ct);
        return new RequestRenewalResult.Requested(devices, options.Spread);
    }

    private static IQueryable<Device> Chosen(FleetDbContext db, RequestRenewalRequest request)
    {
        var active = db.Devices.Where(d => d.State == DeviceState.Active);
        if (request.DeviceId is { } id) active = active.Where(d => d.Id == id);
        if (request.GroupId is { } group) active = active.Where(d => (d.GroupId ?? EnrolmentGroup.DefaultId) == group);
        return active;
    }
}
