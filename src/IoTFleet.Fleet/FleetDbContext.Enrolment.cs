using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet;

public sealed partial class FleetDbContext
{
    private static void ConfigureEnrolment(ModelBuilder model)
    {
        model.Entity<EnrolmentGroup>(group =>
        {
            group.Property(g => g.Id).HasMaxLength(DeviceName.MaxLength);
            group.Property(g => g.Description).HasMaxLength(NameLength);
            group.Property(g => g.Ways).HasConversion<int>();
            group.Property(g => g.IdPattern).HasMaxLength(NameLength);
            // Every database has it, so that a token which names no group has one.
            group.HasData(new EnrolmentGroup { Id = EnrolmentGroup.DefaultId, Ways = EnrolmentWays.Token, CreatedAt = DateTimeOffset.UnixEpoch });
        });
        model.Entity<EnrolmentToken>(token =>
        {
            token.Property(t => t.Id).HasMaxLength(32);
            token.Property(t => t.Name).HasMaxLength(NameLength);
            token.Property(t => t.SecretHash).HasMaxLength(HashLength);
            token.Property(t => t.DeviceId).HasMaxLength(DeviceName.MaxLength);
            token.Property(t => t.GroupId).HasMaxLength(DeviceName.MaxLength).HasDefaultValue(EnrolmentGroup.DefaultId);
            token.HasIndex(t => t.SecretHash).IsUnique(); // No foreign key to the group: SQLite could add one only by making the table anew.
        });
        model.Entity<AllowedSerial>(serial =>
        {
            serial.HasKey(s => new { s.GroupId, s.Serial });
            serial.Property(s => s.Serial).HasMaxLength(NameLength);
            serial.Property(s => s.DeviceId).HasMaxLength(DeviceName.MaxLength);
            serial.Property(s => s.UsedBy).HasMaxLength(DeviceName.MaxLength);
            serial.HasOne<EnrolmentGroup>().WithMany().HasForeignKey(s => s.GroupId).OnDelete(DeleteBehavior.Restrict);
        });
        model.Entity<PendingEnrolment>(pending =>
        {
            pending.Property(p => p.Id).HasMaxLength(32);
            pending.Property(p => p.DeviceId).HasMaxLength(DeviceName.MaxLength);
            pending.Property(p => p.KeyFingerprint).HasMaxLength(HashLength);
            pending.Property(p => p.HardwareSerial).HasMaxLength(NameLength);
            pending.HasIndex(p => new { p.DeviceId, p.KeyFingerprint }).IsUnique(); // The same request asked again is the same row.
            pending.HasIndex(p => new { p.GroupId, p.State });
            pending.HasOne<EnrolmentGroup>().WithMany().HasForeignKey(p => p.GroupId).OnDelete(DeleteBehavior.Restrict);
        });
    }

    private static void ConfigureClaims(ModelBuilder model)
    {
        model.Entity<ClaimBatch>(batch =>
        {
            batch.Property(b => b.Id).HasMaxLength(DeviceName.MaxLength);
            batch.HasOne<EnrolmentGroup>().WithMany().HasForeignKey(b => b.GroupId).OnDelete(DeleteBehavior.Restrict);
        });
        model.Entity<ClaimCertificate>(certificate =>
        {
            certificate.HasKey(c => c.Serial);
            certificate.Property(c => c.Serial).HasMaxLength(SerialLength);
            certificate.Property(c => c.KeyFingerprint).HasMaxLength(HashLength);
            certificate.Property(c => c.IssuerId).HasMaxLength(KeyIdLength);
            certificate.HasIndex(c => c.KeyFingerprint);
            certificate.HasOne<ClaimBatch>().WithMany().HasForeignKey(c => c.BatchId).OnDelete(DeleteBehavior.Restrict);
        });
        model.Entity<ManufacturerAuthority>(manufacturer =>
        {
            manufacturer.Property(m => m.Id).HasMaxLength(HashLength);
            manufacturer.Property(m => m.Name).HasMaxLength(NameLength);
            manufacturer.Property(m => m.Challenge).HasMaxLength(64);
            manufacturer.HasOne<EnrolmentGroup>().WithMany().HasForeignKey(m => m.GroupId).OnDelete(DeleteBehavior.Restrict);
        });
    }

    private static void ConfigureAuthorities(ModelBuilder model)
    {
        model.Entity<Authority>(authority =>
        {
            authority.Property(a => a.Id).HasMaxLength(KeyIdLength);
            authority.HasIndex(a => new { a.Purpose, a.Generation }).IsUnique();
        });
        model.Entity<TrustBundle>(bundle =>
        {
            bundle.HasKey(b => b.Version);
            bundle.Property(b => b.Version).ValueGeneratedNever();
            bundle.Property(b => b.SignerId).HasMaxLength(KeyIdLength);
        });
        model.Entity<PublishedCrl>(crl =>
        {
            crl.HasKey(c => new { c.IssuerId, c.Shard });
            crl.Property(c => c.IssuerId).HasMaxLength(KeyIdLength);
        });
        model.Entity<ServerCertificateRecord>(certificate =>
        {
            certificate.HasKey(c => c.Serial);
            certificate.Property(c => c.Serial).HasMaxLength(SerialLength);
            certificate.Property(c => c.IssuerId).HasMaxLength(KeyIdLength);
            certificate.Property(c => c.Profile).HasMaxLength(40);
            certificate.Property(c => c.Subject).HasMaxLength(NameLength);
        });
    }

    private static void ConfigureRecord(ModelBuilder model)
    {
        model.Entity<LogLeaf>(leaf =>
        {
            leaf.HasKey(l => l.Index);
            leaf.Property(l => l.Index).ValueGeneratedNever(); // Given by the log's one writer, without gaps.
            leaf.Property(l => l.Hash).HasMaxLength(32);
            leaf.Property(l => l.Serial).HasMaxLength(SerialLength);
            leaf.HasIndex(l => l.Hash).IsUnique();
        });
        model.Entity<LogCheckpoint>(checkpoint =>
        {
            checkpoint.HasKey(c => c.Size);
            checkpoint.Property(c => c.Size).ValueGeneratedNever();
            checkpoint.Property(c => c.RootHash).HasMaxLength(32);
        });
    }
}
