using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Fleet.Operators;
using IoTFleet.Fleet.Services;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Quarantine;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace IoTFleet.Fleet;

/// <summary>The fleet's tables, the same on every database. Made by <c>IDbContextFactory</c>, one for each unit of work.</summary>
public sealed partial class FleetDbContext : DbContext
{
    private const int NameLength = 200;
    private const int SerialLength = 40;
    private const int KeyIdLength = 40;
    private const int HashLength = 64;

    /// <summary>Every change is a transaction, also a single row, so that a provider sees each one begin.</summary>
    public FleetDbContext(DbContextOptions<FleetDbContext> options)
        : base(options) => Database.AutoTransactionBehavior = AutoTransactionBehavior.Always;

    public DbSet<Device> Devices => Set<Device>();
    public DbSet<EnrolmentGroup> Groups => Set<EnrolmentGroup>();
    public DbSet<EnrolmentToken> Tokens => Set<EnrolmentToken>();
    public DbSet<AllowedSerial> AllowedSerials => Set<AllowedSerial>();
    public DbSet<ClaimBatch> ClaimBatches => Set<ClaimBatch>();
    public DbSet<ClaimCertificate> ClaimCertificates => Set<ClaimCertificate>();
    public DbSet<ManufacturerAuthority> Manufacturers => Set<ManufacturerAuthority>();
    public DbSet<PendingEnrolment> PendingEnrolments => Set<PendingEnrolment>();
    public DbSet<DeviceKey> DeviceKeys => Set<DeviceKey>();
    public DbSet<IssuedCertificate> Certificates => Set<IssuedCertificate>();
    public DbSet<BlockedKey> BlockedKeys => Set<BlockedKey>();
    public DbSet<IssuanceIntent> IssuanceIntents => Set<IssuanceIntent>();
    public DbSet<RevocationEntry> Revocations => Set<RevocationEntry>();
    public DbSet<RevocationOrder> RevocationOrders => Set<RevocationOrder>();
    public DbSet<NodeStatus> Nodes => Set<NodeStatus>();
    public DbSet<Authority> Authorities => Set<Authority>();
    public DbSet<TrustBundle> TrustBundles => Set<TrustBundle>();
    public DbSet<PublishedCrl> Crls => Set<PublishedCrl>();
    public DbSet<ServerCertificateRecord> ServerCertificates => Set<ServerCertificateRecord>();
    public DbSet<Service> Services => Set<Service>();
    public DbSet<ServiceCertificate> ServiceCertificates => Set<ServiceCertificate>();
    public DbSet<QuarantinedPayload> TelemetryQuarantine => Set<QuarantinedPayload>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<AuditEntry> Audit => Set<AuditEntry>();
    public DbSet<AuditHead> AuditHeads => Set<AuditHead>();
    public DbSet<LogLeaf> LogLeaves => Set<LogLeaf>();
    public DbSet<LogCheckpoint> LogCheckpoints => Set<LogCheckpoint>();

    /// <summary>Set while the <see cref="FleetWriter"/> runs its units.</summary>
    internal SharedTransaction? Shared { get; set; }

    /// <summary>For what only the writer's units do.</summary>
    internal PreparedStatements Statements => Shared?.Statements ?? throw new InvalidOperationException("Only a unit of the writer has prepared statements.");

    /// <summary>The transaction of one SaveChanges, begun by the <see cref="AuditChain"/> because there was none.</summary>
    internal IDbContextTransaction? OwnTransaction { get; set; }

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
        ConfigureClaims(model);
        ConfigureAuthorities(model);
        ConfigureRecord(model);
        ConfigureQuarantine(model);
        ConfigureRules(model);
        ConfigureCommands(model);
        ConfigureTwins(model);
        ConfigureOperators(model);
        NameTimeColumnsByTheirUnit(model);
    }

    private static void ConfigureDevices(ModelBuilder model)
    {
        model.Entity<Device>(device =>
        {
            device.Property(d => d.Id).HasMaxLength(DeviceName.MaxLength);
            device.Property(d => d.DisplayName).HasMaxLength(NameLength);
            device.Property(d => d.GroupId).HasMaxLength(DeviceName.MaxLength);
            device.Property(d => d.HardwareSerial).HasMaxLength(NameLength);
            device.HasIndex(d => d.GroupId);
            device.HasIndex(d => d.HardwareSerial);
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
            certificate.Property(c => c.IssuerId).HasMaxLength(KeyIdLength);
            certificate.Property(c => c.Door).HasDefaultValue(EnrolmentDoor.Token);
            certificate.Property(c => c.BatchId).HasMaxLength(DeviceName.MaxLength);
            certificate.Property(c => c.PredecessorSerial).HasMaxLength(SerialLength);
            certificate.Property(c => c.Lineage).HasMaxLength(SerialLength);
            certificate.HasIndex(c => c.BatchId);
            certificate.HasIndex(c => c.NotAfter);
            certificate.HasIndex(c => new { c.IssuerId, c.RevokedAt });
        });
        model.Entity<BlockedKey>(key =>
        {
            key.HasKey(k => k.Fingerprint);
            key.Property(k => k.Fingerprint).HasMaxLength(HashLength);
        });
        model.Entity<IssuanceIntent>(intent =>
        {
            intent.HasKey(i => i.Serial);
            intent.Property(i => i.Serial).HasMaxLength(SerialLength);
            intent.Property(i => i.Profile).HasMaxLength(40);
            intent.Property(i => i.Subject).HasMaxLength(NameLength);
            intent.Property(i => i.KeyFingerprint).HasMaxLength(HashLength);
            intent.Property(i => i.IssuerId).HasMaxLength(KeyIdLength);
            intent.Property(i => i.TbsHash).HasMaxLength(HashLength);
            intent.HasIndex(i => new { i.Subject, i.KeyFingerprint });
        });
        model.Entity<RevocationEntry>(entry =>
        {
            entry.Property(e => e.Subject).HasMaxLength(HashLength);
            entry.Property(e => e.Serial).HasMaxLength(SerialLength);
            entry.Property(e => e.IssuerId).HasMaxLength(KeyIdLength);
        });
        model.Entity<RevocationOrder>(order =>
        {
            order.Property(o => o.Id).HasMaxLength(32);
            order.Property(o => o.RequestedBy).HasMaxLength(NameLength);
            order.Property(o => o.DecidedBy).HasMaxLength(NameLength);
            order.HasIndex(o => o.State);
        });
        model.Entity<NodeStatus>(node =>
        {
            node.HasKey(n => n.Node);
            node.Property(n => n.Node).HasMaxLength(NameLength);
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
            certificate.Property(c => c.IssuerId).HasMaxLength(KeyIdLength);
            certificate.HasIndex(c => c.KeyFingerprint);
            certificate.HasOne<Service>().WithMany().HasForeignKey(c => c.ServiceName).OnDelete(DeleteBehavior.Restrict);
        });
    }

    private static void ConfigureQuarantine(ModelBuilder model) => model.Entity<QuarantinedPayload>(payload =>
    {
        payload.Property(p => p.DeviceId).HasMaxLength(DeviceName.MaxLength);
        payload.Property(p => p.Topic).HasMaxLength(1_000);
        payload.Property(p => p.Code).HasMaxLength(40);
        payload.Property(p => p.Detail).HasMaxLength(400);
        payload.Property(p => p.ContentType).HasMaxLength(PayloadLimits.MaxContentType);
        payload.HasIndex(p => new { p.DeviceId, p.Id });
        payload.HasIndex(p => new { p.Code, p.Id });
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
            entry.Property(e => e.Chain).HasMaxLength(NameLength);
            entry.Property(e => e.Hash).HasMaxLength(HashLength);
            entry.HasIndex(e => e.Subject);
            entry.HasIndex(e => new { e.Chain, e.Sequence });
        });
        model.Entity<AuditHead>(head =>
        {
            head.HasKey(h => h.Chain);
            head.Property(h => h.Chain).HasMaxLength(NameLength);
            head.Property(h => h.Hash).HasMaxLength(HashLength);
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
