using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>
/// Ids, serials and fingerprints are compared and ordered byte by byte, as in SQLite and in .NET's ordinal comparison. A database made with
/// a language's collation would order them otherwise: a page's cursor would skip devices, and an index could not serve a prefix.
/// </summary>
internal sealed class ByteByByte(ModelCustomizerDependencies dependencies) : RelationalModelCustomizer(dependencies)
{
    private const string Collation = "C";

    public override void Customize(ModelBuilder modelBuilder, DbContext context)
    {
        base.Customize(modelBuilder, context);
        foreach (var property in modelBuilder.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            if (property.ClrType == typeof(string) || property.GetProviderClrType() == typeof(string)) property.SetCollation(Collation);
        }
    }
}
