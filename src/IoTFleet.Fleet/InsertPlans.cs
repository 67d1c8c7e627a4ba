using System.Collections.Concurrent;
using System.Data.Common;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;

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
        return new InsertPlan(sql, [.. properties.Select(property => new InsertColumn(property.PropertyInfo!, property.GetRelationalTypeMapping()))]);
    }

    /// <summary>A number that the database counts.</summary>
    private static bool IsGiven(IProperty property) => property.IsPrimaryKey() && property.ValueGenerated == ValueGenerated.OnAdd && property.ClrType == typeof(long);
}

internal sealed record InsertColumn(PropertyInfo Property, RelationalTypeMapping Mapping)
{
    public object? ValueOf(object row)
    {
        var value = Property.GetValue(row);
        return Mapping.Converter is { } converter ? converter.ConvertToProvider(value) : value;
    }

    /// <summary>Of the column's own type: SQL Server takes a null that does not tell its type for a text, and refuses it where bytes belong.</summary>
    public DbParameter Parameter(DbCommand command, string name)
    {
        var parameter = Mapping.CreateParameter(command, name, null, nullable: true);
        if (parameter.Size > 0) parameter.Size = -1; // EF's fits the value at hand, and would cut off a longer one.
        return parameter;
    }
}
