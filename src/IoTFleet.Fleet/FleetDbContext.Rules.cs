using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet;

public sealed partial class FleetDbContext
{
    private const int RowIdLength = 32;

    public DbSet<Rule> Rules => Set<Rule>();
    public DbSet<Alert> Alerts => Set<Alert>();
    public DbSet<Webhook> Webhooks => Set<Webhook>();
    public DbSet<AlertDelivery> AlertDeliveries => Set<AlertDelivery>();

    private static void ConfigureRules(ModelBuilder model)
    {
        model.Entity<Rule>(rule =>
        {
            rule.Property(r => r.Id).HasMaxLength(DeviceName.MaxLength);
            rule.Property(r => r.Description).HasMaxLength(NameLength);
            rule.Property(r => r.GroupId).HasMaxLength(DeviceName.MaxLength);
            rule.Property(r => r.Stream).HasMaxLength(TelemetryDbContext.MaxStreamLength);
            rule.Property(r => r.Metric).HasMaxLength(256);
        });
        model.Entity<Alert>(alert =>
        {
            alert.Property(a => a.Id).HasMaxLength(RowIdLength);
            alert.Property(a => a.RuleId).HasMaxLength(DeviceName.MaxLength);
            alert.Property(a => a.DeviceId).HasMaxLength(DeviceName.MaxLength);
            alert.Property(a => a.GroupId).HasMaxLength(DeviceName.MaxLength);
            alert.Property(a => a.OpenKey).HasMaxLength(2 * DeviceName.MaxLength + 1);
            alert.Property(a => a.Detail).HasMaxLength(500);
            alert.Property(a => a.AcknowledgedBy).HasMaxLength(NameLength);
            alert.Property(a => a.Note).HasMaxLength(500);
            alert.Property(a => a.ClosedBy).HasMaxLength(NameLength);
            alert.Property(a => a.CloseReason).HasMaxLength(40);
            alert.HasIndex(a => a.OpenKey).IsUnique();
            alert.HasIndex(a => new { a.DeviceId, a.Id });
            alert.HasIndex(a => new { a.RuleId, a.Id });
            alert.HasIndex(a => a.ClosedAt);
        });
        model.Entity<Webhook>(webhook =>
        {
            webhook.Property(w => w.Id).HasMaxLength(DeviceName.MaxLength);
            webhook.Property(w => w.Description).HasMaxLength(NameLength);
            webhook.Property(w => w.Url).HasMaxLength(Webhook.MaxUrl);
        });
        model.Entity<AlertDelivery>(delivery =>
        {
            delivery.Property(d => d.Id).HasMaxLength(RowIdLength);
            delivery.Property(d => d.WebhookId).HasMaxLength(DeviceName.MaxLength);
            delivery.Property(d => d.AlertId).HasMaxLength(RowIdLength);
            delivery.Property(d => d.Event).HasMaxLength(40);
            delivery.Property(d => d.Topic).HasMaxLength(NameLength + DeviceName.MaxLength);
            delivery.Property(d => d.LastProblem).HasMaxLength(500);
            delivery.HasIndex(d => new { d.State, d.NextAttemptAt });
            delivery.HasIndex(d => new { d.WebhookId, d.Id });
            delivery.HasIndex(d => d.CreatedAt);
        });
    }
}
