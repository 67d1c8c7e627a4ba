using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests;

/// <summary>What the writer's units put in by prepared statements is what EF would have put in.</summary>
public sealed class PreparedStatementsTests
{
    [Fact]
    public async Task A_row_comes_back_as_it_was_put_in_column_by_column()
    {
        await using var fleet = await TestFleet.StartAsync();
        var at = DateTimeOffset.UnixEpoch.AddTicks(17_000_000_000_000_010);
        var device = new Device
        {
            Id = "pump-1",
            State = DeviceState.Suspended,
            RegisteredAt = at,
            StateChangedAt = at.AddDays(1),
            DisplayName = "it's \"one\"",
            GroupId = "default",
            HardwareSerial = "SN-1",
            Tags = ["site=a", "line=\"2\""],
            TrustBundleVersion = 7,
            LastConnectedAt = at.AddDays(2),
            CloneSuspectedAt = at.AddDays(3),
        };
        var certificate = new IssuedCertificate
        {
            Serial = "0a",
            DeviceId = device.Id,
            KeyFingerprint = "f1",
            IssuerId = "i1",
            Door = EnrolmentDoor.Manufacturer,
            BatchId = "b",
            Der = [1, 2, 3],
            NotBefore = at,
            NotAfter = at.AddDays(4),
            RevokedAt = at.AddDays(1),
            RevocationReason = RevocationReason.KeyCompromise,
            PredecessorSerial = "09",
            Lineage = "01",
            KeyUses = 2,
            LogIndex = 5,
        };

        await fleet.Get<FleetWriter>().RunAsync(
            async (db, ct) =>
            {
                await db.Statements.InsertAsync(device, ct);
                await db.Statements.InsertAsync(new DeviceKey { Fingerprint = "f1", DeviceId = device.Id }, ct);
                await db.Statements.InsertAsync(certificate, ct);
                return 0;
            },
            CancellationToken.None);

        Assert.Equivalent(device, await fleet.ReadAsync(db => db.Devices.SingleAsync()), strict: true);
        Assert.Equivalent(certificate, await fleet.ReadAsync(db => db.Certificates.SingleAsync()), strict: true);
    }

    [Fact]
    public async Task What_a_refused_unit_has_put_in_is_undone_and_what_stands_beside_it_is_not()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();

        await Task.WhenAll(
            writer.RunAsync((db, ct) => BlockAsync(db, "kept", ct), CancellationToken.None),
            writer.RunAsync((db, ct) => BlockAsync(db, "undone", ct), static _ => false, CancellationToken.None));

        Assert.Equal(["kept"], await fleet.ReadAsync(db => db.BlockedKeys.Select(k => k.Fingerprint).ToListAsync()));
    }

    private static async Task<bool> BlockAsync(FleetDbContext db, string key, CancellationToken ct)
    {
        await db.Statements.InsertAsync(new BlockedKey { Fingerprint = key, Reason = "", At = DateTimeOffset.UnixEpoch }, ct);
        return true;
    }
}
