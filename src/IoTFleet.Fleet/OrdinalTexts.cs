using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace IoTFleet.Fleet;

/// <summary>
/// Ids, serials and fingerprints are compared and ordered byte by byte, as in SQLite and in .NET's ordinal comparison. Under a server's usual
/// collation a page's cursor would skip devices, or 'Pump-1' would be 'pump-1'.
/// </summary>
/// <param name="dependencies">EF's own.</param>
/// <param name="collation">The database's name for byte by byte.</param>
public abstract class OrdinalTexts(ModelCustomizerDependencies dependencies, string collation) : RelationalModelCustomizer(dependencies)
{
    public override void Customize(ModelBuilder modelBuilder, DbContext context)
    {
        base.Customize(modelBuilder, context);
        foreach (var property in modelBuilder.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            if (property.ClrType == typeof(string) || property.GetProviderClrType() == typeof(string)) property.SetCollation(collation);
        }
    }
}
