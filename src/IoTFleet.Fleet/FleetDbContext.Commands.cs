using IoTFleet.Fleet.Commands;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet;

public sealed partial class FleetDbContext
{
    public DbSet<StoredCommand> Commands => Set<StoredCommand>();

    private static void ConfigureCommands(ModelBuilder model) => model.Entity<StoredCommand>(command =>
    {
        command.HasKey(c => c.Number);
        command.Property(c => c.DeviceId).HasMaxLength(DeviceName.MaxLength);
        command.Property(c => c.Id).HasMaxLength(StoredCommand.MaxIdLength);
        command.Property(c => c.Name).HasMaxLength(DeviceName.MaxLength);
        command.Property(c => c.SentBy).HasMaxLength(NameLength);
        command.HasIndex(c => new { c.DeviceId, c.Id }).IsUnique();
        command.HasIndex(c => new { c.DeviceId, c.Number });
        command.HasIndex(c => new { c.DeviceId, c.ClosedAt });
        command.HasIndex(c => new { c.ClosedAt, c.Deadline });
    });
}
