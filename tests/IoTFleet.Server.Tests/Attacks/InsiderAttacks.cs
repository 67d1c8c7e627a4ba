using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Mqtt;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Somebody who has an authority's key, or the database, and uses it past the server.</summary>
public sealed class InsiderAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>
{
    [Fact]
    public async Task Row_33_a_certificate_by_our_key_that_was_never_issued_does_not_connect()
    {
        using var rogue = attacked.Forged.SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync("not-in-log", rogue);
    }

    [Fact]
    public async Task Row_33_nor_does_it_when_its_row_is_written_to_the_database()
    {
        using var rogue = attacked.Forged.SignedBy(attacked.Authorities.Devices);
        await using (var fleet = await attacked.Server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync())
        {
            var row = await fleet.Certificates.AsNoTracking().FirstAsync(certificate => certificate.DeviceId == AttackedServer.Victim);
            var forged = fleet.Entry(row).CurrentValues.Clone();
            forged[nameof(IssuedCertificate.Serial)] = SerialNumber.Of(rogue).Hex;
            forged[nameof(IssuedCertificate.KeyFingerprint)] = Fingerprint.Sha256(rogue.PublicKey.ExportSubjectPublicKeyInfo());
            forged[nameof(IssuedCertificate.Der)] = rogue.RawData;
            fleet.DeviceKeys.Add(new DeviceKey { Fingerprint = (string)forged[nameof(IssuedCertificate.KeyFingerprint)]!, DeviceId = AttackedServer.Victim });
            fleet.Certificates.Add((IssuedCertificate)forged.ToObject());
            await fleet.SaveChangesAsync();
        }

        await attacked.ExpectRefusedAsync("not-in-log", rogue);
    }

    [Fact]
    public async Task Row_33_without_the_log_demanded_it_takes_a_record()
    {
        await using var server = await RunningServer.StartAsync(("IoTFleet:OnlyLoggedCertificates", "false"));
        using var honest = await server.EnrolAsync("pump-7");
        using var rogue = Forgery.OfDevice("pump-7", server.Authorities.Names).SignedBy(server.Authorities.Devices);
        await using var client = await server.OpenAsync(rogue);
        Assert.True((await client.ConnectAsync("pump-7")).Reason.IsFailure());
        Assert.Equal(1, server.Refused("certificate-unknown"));
    }
}
