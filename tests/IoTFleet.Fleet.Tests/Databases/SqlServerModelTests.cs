using System.Globalization;
using System.Text.RegularExpressions;
using IoTFleet.Fleet.SqlServer;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Testing;
using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Storage;

namespace IoTFleet.Fleet.Tests.Databases;

/// <summary>What SQL Server would refuse, looked for in the model and in the scripts that make its tables, since CI has no SQL Server.</summary>
public sealed partial class SqlServerModelTests
{
    private const int ClusteredKeyBytes = 900;
    private const int OtherKeyBytes = 1_700;

    public static TheoryData<string> Models => ["fleet", "telemetry"];

    [Theory]
    [MemberData(nameof(Models))]
    public void The_migrations_make_what_the_model_says(string model)
    {
        using var db = Open(model);

        Assert.False(db.Database.HasPendingModelChanges(), "Run: dotnet ef migrations add NAME --project src/IoTFleet.Fleet.SqlServer");
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void No_foreign_key_deletes_on_its_own_so_no_two_paths_can_meet(string model)
    {
        using var db = Open(model);
        var cascades = Tables(db).SelectMany(type => type.GetForeignKeys()).Where(key => key.DeleteBehavior is not (DeleteBehavior.Restrict or DeleteBehavior.NoAction or DeleteBehavior.ClientNoAction));

        Assert.Empty(cascades.Select(key => key.ToString()));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_key_fits_into_a_page_of_its_index(string model)
    {
        using var db = Open(model);
        foreach (var type in Tables(db))
        {
            foreach (var key in type.GetKeys()) Assert.True(Width(key.Properties) <= (key.IsPrimaryKey() ? ClusteredKeyBytes : OtherKeyBytes), $"{type.DisplayName()} {key}: {Width(key.Properties)} bytes");
            foreach (var index in type.GetIndexes()) Assert.True(Width(index.Properties) <= OtherKeyBytes, $"{type.DisplayName()} {index}: {Width(index.Properties)} bytes");
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_text_is_compared_byte_by_byte(string model)
    {
        using var db = Open(model);
        var texts = Tables(db).SelectMany(type => type.GetProperties()).Where(property => property.GetColumnType().Contains("char", StringComparison.Ordinal) && !property.IsPrimitiveCollection).ToList();

        Assert.NotEmpty(texts);
        Assert.All(texts, text => Assert.Equal("Latin1_General_100_BIN2", text.GetCollation()));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Filters_hold_no_more_than_comparisons(string model)
    {
        using var db = Open(model);
        var filters = Tables(db).SelectMany(type => type.GetIndexes()).Select(index => index.GetFilter()).OfType<string>();

        Assert.All(filters, filter => Assert.DoesNotMatch(Or(), filter));
    }

    /// <summary>Triggers of the model would have to be told to EF (HasTrigger), and a script that changes columns needs a look by hand.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void The_scripts_use_nothing_that_needs_more_than_an_ordinary_database(string model)
    {
        using var db = Open(model);
        var script = db.GetService<IMigrator>().GenerateScript();

        Assert.Contains("CREATE TABLE", script, StringComparison.Ordinal);
        Assert.DoesNotMatch(Unwanted(), script);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_rows_fixed_part_fits_into_a_page(string model)
    {
        using var db = Open(model);

        Assert.All(Tables(db), type => Assert.True(type.GetProperties().Where(property => MaxLength(property) is null && !IsText(property)).Sum(Bytes) <= 8_060, type.DisplayName()));
    }

    /// <summary>A null of no type is sent as a text, which SQL Server does not turn into bytes; a size would cut off what is longer.</summary>
    [Fact]
    public void Every_prepared_insert_gives_its_parameters_the_types_of_their_columns()
    {
        using var db = Open("fleet");
        using var command = new SqlCommand();
        foreach (var type in Tables(db))
        {
            var plan = InsertPlan.Of(type, db.GetService<ISqlGenerationHelper>());
            foreach (var column in plan.Columns)
            {
                var parameter = (SqlParameter)column.Parameter(command, "@p0");
                var declared = type.FindProperty(column.Property.Name)!.GetColumnType().Split('(')[0];
                Assert.Equal(declared, parameter.SqlDbType.ToString().ToLowerInvariant());
                Assert.True(parameter.Size <= 0, $"{column.Property.Name}: {parameter.Size}");
            }
        }
    }

    /// <summary>Statements of our own that all databases share, or that only SQL Server runs: what others take and it does not.</summary>
    [Fact]
    public void No_statement_of_ours_is_in_the_words_of_another_database()
    {
        var sources = ((string[])["src/IoTFleet.Fleet", "src/IoTFleet.Fleet.SqlServer"])
            .SelectMany(folder => Directory.EnumerateFiles(SourceTree.PathTo(folder), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/Migrations/", StringComparison.Ordinal));
        var statements = sources.SelectMany(File.ReadLines).Where(line => Statement().IsMatch(line) && !line.TrimStart().StartsWith("//", StringComparison.Ordinal)).ToList();

        Assert.True(statements.Count > 20, $"{statements.Count} lines found");
        Assert.All(statements, line => Assert.DoesNotMatch(Foreign(), line));
    }

    private static DbContext Open(string model) => model == "fleet"
        ? new FleetDbContext((DbContextOptions<FleetDbContext>)new DbContextOptionsBuilder<FleetDbContext>().UseSqlServerFleet("Server=nowhere;Database=x").Options)
        : new TelemetryDbContext((DbContextOptions<TelemetryDbContext>)new DbContextOptionsBuilder<TelemetryDbContext>().UseSqlServerFleet("Server=nowhere;Database=x", SqlServerFleet.TelemetryHistory).Options);

    private static IEnumerable<IEntityType> Tables(DbContext db) => db.GetService<IDesignTimeModel>().Model.GetEntityTypes();

    private static int Width(IEnumerable<IProperty> properties) => properties.Sum(Bytes);

    /// <summary>As SQL Server counts; what may be of any length counts as too long for a key.</summary>
    private static int Bytes(IProperty property)
    {
        var type = property.GetColumnType();
        var length = MaxLength(property);
        return type.Split('(')[0] switch
        {
            "nvarchar" or "nchar" => length is { } characters ? 2 * characters : 1_000_000,
            "varchar" or "char" or "varbinary" or "binary" => length ?? 1_000_000,
            "bigint" or "float" => 8,
            "int" or "real" => 4,
            "smallint" => 2,
            "bit" or "tinyint" => 1,
            _ => throw new InvalidOperationException($"{property.DeclaringType.DisplayName()}.{property.Name} is of the type {type}, which this test does not know."),
        };
    }

    private static bool IsText(IProperty property) => property.GetColumnType().Contains("char", StringComparison.Ordinal) || property.GetColumnType().Contains("binary", StringComparison.Ordinal);

    private static int? MaxLength(IProperty property) =>
        Length().Match(property.GetColumnType()) is { Success: true } found ? int.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"\((\d+)\)")]
    private static partial Regex Length();

    [GeneratedRegex(@"\bOR\b", RegexOptions.IgnoreCase)]
    private static partial Regex Or();

    [GeneratedRegex(@"(SELECT|INSERT INTO|UPDATE|DELETE|WHERE) [""\w@\[(*]")]
    private static partial Regex Statement();

    /// <summary>ORDER BY in a derived table needs TOP there; more than 1,000 rows of VALUES are never written, because no list is.</summary>
    [GeneratedRegex(@"\bLIMIT\b|ON CONFLICT|\|\||::|\bILIKE\b|\bRETURNING\b|\bGREATEST\b|\bMERGE\b|FROM \(SELECT (?!TOP)[^)]*ORDER BY")]
    private static partial Regex Foreign();

    [GeneratedRegex(@"\bMERGE\b|\bTRIGGER\b|COLUMNSTORE|sp_rename|ALTER DATABASE|ALTER COLUMN|PARTITION|FULLTEXT|\bWITH \((UPDLOCK|HOLDLOCK|READPAST|TABLOCK)", RegexOptions.IgnoreCase)]
    private static partial Regex Unwanted();
}
