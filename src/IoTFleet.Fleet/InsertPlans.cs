using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace IoTFleet.Fleet;

/// <summary>How a row of each kind is inserted, read from EF's model once.</summary>
internal sealed class InsertPlans
{
    private readonly ConcurrentDictionary<Type, InsertPlan> _plans = new();

    public InsertPlan For<T>(DbContext db) =>
        _plans.GetOrAdd(typeof(T), static (type, db) => InsertPlan.Of(db.Model.FindEntityType(type)!, db.GetService<ISqlGenerationHelper>()), db);
}

internal sealed record InsertPlan(string Sql, InsertColumn[] Columns)
{
    public static InsertPlan Of(IEntityType type, ISqlGenerationHelper quoting)
    {
        var table = StoreObjectIdentifier.Create(type, StoreObjectType.Table)!.Value;
        var properties = type.GetProperties().Where(property => !IsGiven(property)).ToArray();
        var names = properties.Select(property => quoting.DelimitIdentifier(property.GetColumnName(table)!));
        var values = properties.Select((_, i) => $"@p{i}");
        var sql = $"INSERT INTO {quoting.DelimitIdentifier(table.Name, table.Schema)} ({string.Join(", ", names)}) VALUES ({string.Join(", ", values)})";
        return new InsertPlan(sql, [.. properties.Select(property => new InsertColumn(property.PropertyInfo!, property.GetRelationalTypeMapping().Converter))]);
    }

    /// <summary>A number that the database counts.</summary>
    private static bool IsGiven(IProperty property) => property.IsPrimaryKey() && property.ValueGenerated == ValueGenerated.OnAdd && property.ClrType == typeof(long);
}

internal sealed record InsertColumn(PropertyInfo Property, ValueConverter? Converter)
{
    public object? ValueOf(object row)
    {
        var value = Property.GetValue(row);
        return Converter is null ? value : Converter.ConvertToProvider(value);
    }
}
