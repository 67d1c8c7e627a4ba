using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Operators;
using IoTFleet.Fleet.Services;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace IoTFleet.Fleet;

/// <summary>The fleet's tables, the same on every database. Made by <c>IDbContextFactory</c>, one for each unit of work.</summary>
public sealed class FleetDbContext : DbContext
{
    private const int NameLength = 200;

    /// <summary>Every change is a transaction, also a single row, so that a provider sees each one begin.</summary>
    public FleetDbContext(DbContextOptions<FleetDbContext> options)
        : base(options) => Database.AutoTransactionBehavior = AutoTransactionBehavior.Always;

    public DbSet<Device> Devices => Set<Device>();
    public DbSet<EnrolmentToken> Tokens => Set<EnrolmentToken>();
    public DbSet<DeviceKey> DeviceKeys => Set<DeviceKey>();
    public DbSet<IssuedCertificate> Certificates => Set<IssuedCertificate>();
    public DbSet<RevocationEntry> Revocations => Set<RevocationEntry>();
    public DbSet<Service> Services => Set<Service>();
    public DbSet<ServiceCertificate> ServiceCertificates => Set<ServiceCertificate>();
    public DbSet<TelemetryRow> Telemetry => Set<TelemetryRow>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<AuditEntry> Audit => Set<AuditEntry>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configuration)
    {
        configuration.Properties<DateTimeOffset>().HaveConversion<EpochMicroseconds>();
        configuration.Properties<Enum>().HaveConversion<string>().HaveMaxLength(40);
    }

    protected override void OnModelCreating(ModelBuilder model)
    {
        ConfigureDevices(model);
        ConfigureServices(model);
        ConfigureEnrolment(model);
        ConfigureTelemetry(model);
        ConfigureOperators(model);
        NameTimeColumnsByTheirUnit(model);
    }

    private static void ConfigureDevices(ModelBuilder model)
    {
        model.Entity<Device>(device =>
        {
            device.Property(d => d.Id).HasMaxLength(DeviceName.MaxLength);
            device.Property(d => d.DisplayName).HasMaxLength(NameLength);
        });
        model.Entity<DeviceKey>(key =>
        {
            key.HasKey(k => k.Fingerprint);
            key.Property(k => k.Fingerprint).HasMaxLength(64);
            key.HasOne<Device>().WithMany().HasForeignKey(k => k.DeviceId).OnDelete(DeleteBehavior.Restrict);
        });
        model.Entity<IssuedCertificate>(certificate =>
        {
            certificate.HasKey(c => c.Serial);
            certificate.Property(c => c.Serial).HasMaxLength(40);
            certificate.HasOne<Device>().WithMany().HasForeignKey(c => c.DeviceId).OnDelete(DeleteBehavior.Restrict);
            certificate.HasOne<DeviceKey>().WithMany().HasForeignKey(c => c.KeyFingerprint).OnDelete(DeleteBehavior.Restrict);
            certificate.HasOne<EnrolmentToken>().WithMany().HasForeignKey(c => c.TokenId).OnDelete(DeleteBehavior.Restrict);
        });
        model.Entity<RevocationEntry>(entry =>
        {
            entry.Property(e => e.Subject).HasMaxLength(DeviceName.MaxLength);
            entry.Property(e => e.Serial).HasMaxLength(40);
        });
    }

    private static void ConfigureServices(ModelBuilder model)
    {
        model.Entity<Service>(service =>
        {
            service.HasKey(s => s.Name);
            service.Property(s => s.Name).HasMaxLength(DeviceName.MaxLength);
        });
        model.Entity<ServiceCertificate>(certificate =>
        {
            certificate.HasKey(c => c.Serial);
            certificate.Property(c => c.Serial).HasMaxLength(40);
            certificate.Property(c => c.KeyFingerprint).HasMaxLength(64);
            certificate.HasIndex(c => c.KeyFingerprint);
            certificate.HasOne<Service>().WithMany().HasForeignKey(c => c.ServiceName).OnDelete(DeleteBehavior.Restrict);
        });
    }

    private static void ConfigureEnrolment(ModelBuilder model) => model.Entity<EnrolmentToken>(token =>
    {
        token.Property(t => t.Id).HasMaxLength(32);
        token.Property(t => t.Name).HasMaxLength(NameLength);
        token.Property(t => t.SecretHash).HasMaxLength(64);
        token.Property(t => t.DeviceId).HasMaxLength(DeviceName.MaxLength);
        token.HasIndex(t => t.SecretHash).IsUnique();
    });

    private static void ConfigureTelemetry(ModelBuilder model) => model.Entity<TelemetryRow>(row =>
    {
        // Appended in arrival order, because a table clustered by device rewrites a page for every row.
        // No foreign key: only admitted devices get here, and a look-up for each row would slow the path that acks wait for.
        row.Property(r => r.DeviceId).HasMaxLength(DeviceName.MaxLength);
        row.Property(r => r.Stream).HasMaxLength(NameLength);
        row.HasIndex(r => new { r.DeviceId, r.Time, r.Id });
    });

    private static void ConfigureOperators(ModelBuilder model)
    {
        model.Entity<ApiKey>(key =>
        {
            key.Property(k => k.Id).HasMaxLength(32);
            key.Property(k => k.Name).HasMaxLength(NameLength);
            key.Property(k => k.SecretHash).HasMaxLength(64);
            key.HasIndex(k => k.SecretHash).IsUnique();
        });
        model.Entity<AuditEntry>(entry =>
        {
            entry.Property(e => e.Action).HasMaxLength(40);
            entry.Property(e => e.Outcome).HasMaxLength(60);
            entry.HasIndex(e => e.Subject);
        });
    }

    private static void NameTimeColumnsByTheirUnit(ModelBuilder model)
    {
        foreach (var property in model.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            if (property.ClrType == typeof(DateTimeOffset) || property.ClrType == typeof(DateTimeOffset?))
                property.SetColumnName(property.Name + "Us");
        }
    }

    /// <summary>Microseconds since 1970 UTC: an integer sorts alike on every database, and bulk writers need no date format.</summary>
    private sealed class EpochMicroseconds() : ValueConverter<DateTimeOffset, long>(
        time => EpochTime.ToMicroseconds(time), microseconds => EpochTime.FromMicroseconds(microseconds));
}
