using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace IoTFleet.Fleet.SqlServer;

/// <summary>
/// Ids, serials and fingerprints are compared and ordered byte by byte, as in SQLite and in .NET's ordinal comparison. A server's usual
/// collation takes 'Pump-1' for 'pump-1' and ignores blanks at the end.
/// </summary>
internal sealed class ByteByByte(ModelCustomizerDependencies dependencies) : RelationalModelCustomizer(dependencies)
{
    private const string Collation = "Latin1_General_100_BIN2";

    public override void Customize(ModelBuilder modelBuilder, DbContext context)
    {
        base.Customize(modelBuilder, context);
        foreach (var property in modelBuilder.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            if (property.ClrType == typeof(string) || property.GetProviderClrType() == typeof(string)) property.SetCollation(Collation);
        }
    }
}
