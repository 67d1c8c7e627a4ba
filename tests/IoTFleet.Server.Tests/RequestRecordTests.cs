using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using IoTFleet.Api;

namespace IoTFleet.Server.Tests;

/// <summary>What a caller leaves out of a body is what the contract says, not null: source-generated JSON forgets the defaults of init-only members.</summary>
public sealed class RequestRecordTests
{
    public static TheoryData<Type> Requests =>
        [.. typeof(ApiJson).Assembly.GetExportedTypes().Where(type => type.Name.EndsWith("Request", StringComparison.Ordinal) || type == typeof(GroupSettings))];

    [Theory]
    [MemberData(nameof(Requests))]
    public void Member_that_is_left_out_has_its_default(Type request)
    {
        var body = new JsonObject([.. Members(request).Where(IsRequired).Select(member => KeyValuePair.Create(JsonNamingPolicy.CamelCase.ConvertName(member.Name), Sample(member.PropertyType)))]);

        var read = body.Deserialize(request, ApiJson.Default)!;

        var made = Activator.CreateInstance(request)!;
        Assert.All(Members(request).Where(member => !IsRequired(member)), member => Assert.Equal(Text(member.GetValue(made)), Text(member.GetValue(read))));
    }

    /// <summary>Null where the type says that there is no null.</summary>
    [Theory]
    [MemberData(nameof(Requests))]
    public void Member_that_may_not_be_null_never_is(Type request)
    {
        var context = new NullabilityInfoContext();
        var body = new JsonObject([.. Members(request).Where(IsRequired).Select(member => KeyValuePair.Create(JsonNamingPolicy.CamelCase.ConvertName(member.Name), Sample(member.PropertyType)))]);

        var read = body.Deserialize(request, ApiJson.Default)!;

        Assert.All(Members(request).Where(member => context.Create(member).ReadState == NullabilityState.NotNull), member => Assert.NotNull(member.GetValue(read)));
    }

    private static IEnumerable<PropertyInfo> Members(Type request) => request.GetProperties().Where(member => member.CanWrite);

    private static bool IsRequired(PropertyInfo member) => member.IsDefined(typeof(RequiredMemberAttribute));

    private static string Text(object? value) => value switch
    {
        null => "null",
        string text => text,
        IEnumerable many => string.Join(',', many.Cast<object>()),
        _ => value.ToString()!,
    };

    private static JsonNode? Sample(Type type) =>
        type == typeof(string) ? "x"
        : type == typeof(DateTimeOffset) ? "2026-12-01T08:00:00Z"
        : type == typeof(bool) ? true
        : typeof(IEnumerable).IsAssignableFrom(type) ? new JsonArray()
        : type.IsPrimitive ? 1
        : new JsonObject();
}
