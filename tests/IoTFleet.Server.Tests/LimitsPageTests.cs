using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using IoTFleet.Broker;
using IoTFleet.Mqtt;
using IoTFleet.Server.Doors;
using IoTFleet.Server.Est;

namespace IoTFleet.Server.Tests;

/// <summary>Holds docs/limits.md to the options: every setting has its row, with the default and the range that the code has.</summary>
public sealed partial class LimitsPageTests
{
    private static readonly string[] NoLimits = ["Enrolment:KeepApprovalsDays", "Broker:SysInterval", "Broker:PacketLimits"];
    private static readonly Dictionary<string, Match> Rows = Row().Matches(Repository.Read("docs/limits.md")).ToDictionary(row => row.Groups["setting"].Value);

    public static TheoryData<string> Settings => [.. All().Select(setting => setting.Name)];

    [Theory, MemberData(nameof(Settings))]
    public void Setting_has_its_row_with_its_default(string name)
    {
        var setting = All().Single(setting => setting.Name == name);

        Assert.True(Rows.ContainsKey(name), $"{name} has no row in docs/limits.md");
        Assert.Equal(Text(setting.Property.GetValue(setting.Owner())), Rows[name].Groups["default"].Value);
    }

    [Theory, MemberData(nameof(Settings))]
    public void Setting_takes_the_ends_of_its_range_and_nothing_beyond_them(string name)
    {
        var (property, least, most) = (All().Single(setting => setting.Name == name), Rows[name].Groups["least"].Value, Rows[name].Groups["most"].Value);

        Assert.Null(Problem(property, least, 0));
        Assert.Null(Problem(property, most, 0));
        Assert.NotNull(Problem(property, least, -1));
        Assert.NotNull(Problem(property, most, +1));
    }

    [Fact]
    public void Page_names_no_setting_that_does_not_exist() => Assert.Empty(Rows.Keys.Except(All().Select(setting => setting.Name)));

    [Fact]
    public void Every_counter_exists()
    {
        var source = string.Concat(Repository.Files("src", "*.cs").Select(Repository.Read));

        Assert.All(Rows.Values.Select(row => row.Groups["counter"].Value), counter => Assert.Contains($"\"{counter}\"", source, StringComparison.Ordinal));
    }

    private static IEnumerable<Setting> All() =>
        Of("Doors:", () => new DoorOptions(), options => ((DoorOptions)options).Problems())
            .Concat(Of("Enrolment:", () => new EnrolmentOptions(), options => ((EnrolmentOptions)options).Problems()))
            .Concat(Of("Broker:", () => new BrokerOptions(), options => ((BrokerOptions)options).Problems()))
            .Concat(Of("Broker:PacketLimits:", () => new PacketLimits(), limits => new BrokerOptions { PacketLimits = (PacketLimits)limits }.Problems()))
            .Where(setting => !NoLimits.Contains(setting.Name));

    private static IEnumerable<Setting> Of(string section, Func<object> owner, Func<object, IEnumerable<string>> problems) =>
        owner().GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite)
            .Select(property => new Setting(section + property.Name, property, owner, problems));

    /// <summary>What the options say of this value, moved by a step; null when they take it.</summary>
    private static string? Problem(Setting setting, string value, int steps)
    {
        var owner = setting.Owner();
        try
        {
            setting.Property.SetValue(owner, Value(setting.Property.PropertyType, value, steps));
            return setting.Problems(owner).FirstOrDefault();
        }
        catch (TargetInvocationException refused) when (refused.InnerException is ArgumentOutOfRangeException)
        {
            return refused.InnerException.Message;
        }
    }

    private static object Value(Type type, string text, int steps)
    {
        if (type == typeof(TimeSpan)) return TimeSpan.Parse(text, CultureInfo.InvariantCulture) + TimeSpan.FromTicks(steps);
        var number = long.Parse(text, CultureInfo.InvariantCulture) + steps;
        return Convert.ChangeType(number, type, CultureInfo.InvariantCulture);
    }

    private static string Text(object? value) => string.Create(CultureInfo.InvariantCulture, $"{value}");

    [GeneratedRegex(@"^\| `(?<setting>[A-Z]\w+(?::\w+)+)` \| (?<default>\S+) \| (?<least>\S+) to (?<most>\S+) \|[^|\n]+\| `(?<counter>[^`|\n]+)` \|[^|\n]+\|\s*$", RegexOptions.Multiline)]
    private static partial Regex Row();

    private sealed record Setting(string Name, PropertyInfo Property, Func<object> Owner, Func<object, IEnumerable<string>> Problems);
}
