using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Sessions;

/// <summary>The broker's own database, beside the fleet's: its writer and the telemetry's do not wait for each other.</summary>
public sealed class SessionsDbContext(DbContextOptions<SessionsDbContext> options) : DbContext(options)
{
    public DbSet<SessionRow> Sessions => Set<SessionRow>();
    public DbSet<SubscriptionRow> Subscriptions => Set<SubscriptionRow>();
    public DbSet<DeliveryRow> Deliveries => Set<DeliveryRow>();
    public DbSet<InboundRow> Inbound => Set<InboundRow>();
    public DbSet<WillRow> Wills => Set<WillRow>();
    public DbSet<RetainedRow> Retained => Set<RetainedRow>();

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<SessionRow>().HasKey(row => row.Number);
        model.Entity<SessionRow>().Property(row => row.Number).ValueGeneratedNever();
        model.Entity<SubscriptionRow>().HasKey(row => new { row.Session, row.Filter });
        model.Entity<DeliveryRow>().HasKey(row => new { row.Session, row.Position });
        model.Entity<InboundRow>().HasKey(row => new { row.Session, row.PacketId });
        model.Entity<WillRow>().HasKey(row => row.Number);
        model.Entity<WillRow>().Property(row => row.Number).ValueGeneratedNever();
        model.Entity<RetainedRow>().HasKey(row => row.Topic);
    }
}
