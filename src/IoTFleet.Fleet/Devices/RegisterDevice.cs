using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Devices;

public sealed record RegisterDeviceRequest(string Id, string? DisplayName = null);

public abstract record RegisterDeviceResult
{
    private RegisterDeviceResult() { }

    public sealed record Registered(Device Device) : RegisterDeviceResult;
    public sealed record AlreadyKnown : RegisterDeviceResult;
    public sealed record Invalid(string Problem) : RegisterDeviceResult;
    public sealed record Forbidden : RegisterDeviceResult;
}

/// <summary>Makes a device known before it enrols. Enrolling with a group token does the same on its own.</summary>
public sealed class RegisterDevice(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "device.register";
    private const int MaxDisplayName = 200;

    public async Task<RegisterDeviceResult> RunAsync(Actor actor, RegisterDeviceRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new RegisterDeviceResult.Forbidden();
        }
        if (FindProblem(request) is { } problem) return new RegisterDeviceResult.Invalid(problem);
        return await AddAsync(actor, request, ct);
    }

    private static string? FindProblem(RegisterDeviceRequest request)
    {
        if (!DeviceName.IsValid(request.Id)) return $"A device id is {DeviceName.Rule}.";
        if (request.DisplayName is { Length: > MaxDisplayName }) return $"A display name has at most {MaxDisplayName} characters.";
        return null;
    }

    private async Task<RegisterDeviceResult> AddAsync(Actor actor, RegisterDeviceRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Devices.AnyAsync(d => d.Id == request.Id, ct)) return new RegisterDeviceResult.AlreadyKnown();

        var now = clock.GetUtcNow();
        var device = new Device
        {
            Id = request.Id,
            DisplayName = request.DisplayName,
            State = DeviceState.Registered,
            RegisteredAt = now,
            StateChangedAt = now,
        };
        db.Devices.Add(device);
        audit.Done(db, actor, Action, device.Id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new RegisterDeviceResult.Registered(device);
    }
}
