using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Twins;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet;

public sealed partial class FleetDbContext
{
    public DbSet<DeviceTwin> Twins => Set<DeviceTwin>();

    private static void ConfigureTwins(ModelBuilder model) => model.Entity<DeviceTwin>(twin =>
    {
        twin.HasKey(t => t.DeviceId);
        twin.Property(t => t.DeviceId).HasMaxLength(DeviceName.MaxLength);
        twin.HasOne<Device>().WithOne().HasForeignKey<DeviceTwin>(t => t.DeviceId).OnDelete(DeleteBehavior.Restrict);
        twin.Property(t => t.Revision).IsConcurrencyToken();
        twin.HasIndex(t => new { t.InSync, t.DeviceId });
    });
}
