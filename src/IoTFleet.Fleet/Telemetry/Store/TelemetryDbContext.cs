using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>
/// Telemetry's tables, the same on every database. On SQLite they have a file of their own, so that a merge of a hundred thousand rows
/// never stands in the way of an enrolment. The log that messages are committed to first is the <see cref="ITelemetryStore"/>'s own matter.
/// </summary>
public sealed class TelemetryDbContext : DbContext
{
    public const int MaxStreamLength = 200;
    public const int MaxContentTypeLength = 200;

    /// <summary>Every change is a transaction, also a single row, so that a provider sees each one begin.</summary>
    public TelemetryDbContext(DbContextOptions<TelemetryDbContext> options)
        : base(options) => Database.AutoTransactionBehavior = AutoTransactionBehavior.Always;

    public DbSet<TelemetryRow> Readings => Set<TelemetryRow>();
    public DbSet<TelemetryDevice> Devices => Set<TelemetryDevice>();
    public DbSet<TelemetryNode> Nodes => Set<TelemetryNode>();
    public DbSet<StaleHour> StaleHours => Set<StaleHour>();
    public DbSet<MinuteRollup> Minutes => Set<MinuteRollup>();
    public DbSet<HourRollup> Hours => Set<HourRollup>();

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<TelemetryRow>(row =>
        {
            row.ToTable("Telemetry");
            row.HasKey(r => new { r.Device, r.TimeUs, r.Id });
            row.Property(r => r.Id).ValueGeneratedNever();
            row.Property(r => r.Stream).HasMaxLength(MaxStreamLength);
            row.Property(r => r.ContentType).HasMaxLength(MaxContentTypeLength);
        });
        model.Entity<TelemetryDevice>(device =>
        {
            device.ToTable("TelemetryDevices");
            device.HasKey(d => d.Number);
            device.Property(d => d.DeviceId).HasMaxLength(DeviceName.MaxLength);
            device.HasIndex(d => d.DeviceId).IsUnique();
        });
        model.Entity<TelemetryNode>(node =>
        {
            node.ToTable("TelemetryNodes");
            node.HasKey(n => n.Ordinal);
            node.Property(n => n.Node).HasMaxLength(200);
            node.HasIndex(n => n.Node).IsUnique();
        });
        model.Entity<StaleHour>().ToTable("TelemetryStale").HasKey(s => new { s.Device, s.Hour });
        model.Entity<MinuteRollup>().ToTable("TelemetryMinutes").HasKey(m => new { m.Device, m.Hour });
        model.Entity<HourRollup>().ToTable("TelemetryHours").HasKey(h => new { h.Device, h.Day });
    }
}
