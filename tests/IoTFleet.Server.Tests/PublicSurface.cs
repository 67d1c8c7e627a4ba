using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace IoTFleet.Server.Tests;

/// <summary>An assembly's public surface as text: types by full name, members by signature, what the compiler adds to records left out.</summary>
internal static class PublicSurface
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(ushort)] = "ushort",
        [typeof(int)] = "int",
        [typeof(uint)] = "uint",
        [typeof(long)] = "long",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
        [typeof(void)] = "void",
    };

    public static List<string> Of(Assembly assembly) =>
        [.. assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal).SelectMany(Lines)];

    private static IEnumerable<string> Lines(Type type) => Members(type).Select(member => "    " + member).Prepend(Head(type)).Append("");

    private static string Head(Type type)
    {
        var bases = Bases(type).Select(parent => Name(parent)).ToList();
        return $"{Modifiers(type)}{Kind(type)} {type.Namespace}.{Name(type)}{(bases.Count > 0 ? " : " + string.Join(", ", bases) : "")}";
    }

    /// <summary>The base class and the interfaces that the type adds to it; none for an enum, whose interfaces are the platform's business.</summary>
    private static IEnumerable<Type> Bases(Type type)
    {
        if (type.IsEnum) return [];
        var parent = type.BaseType is { } found && found != typeof(object) && found != typeof(ValueType) ? found : null;
        var doors = type.GetInterfaces().Where(door => door.IsPublic).Except(parent?.GetInterfaces() ?? []).OrderBy(door => Name(door), StringComparer.Ordinal);
        return parent is null ? doors : doors.Prepend(parent);
    }

    private static string Kind(Type type) =>
        type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : typeof(Delegate).IsAssignableFrom(type) ? "delegate" : "class";

    private static string Modifiers(Type type) =>
        !type.IsClass ? "" : type is { IsAbstract: true, IsSealed: true } ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "";

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            return Enum.GetValuesAsUnderlyingType(type).Cast<object>()
                .Select(value => $"{Enum.GetName(type, value)} = {Convert.ToString(value, CultureInfo.InvariantCulture)}");
        }

        return type.GetMembers(Declared)
            .Where(member => !member.IsDefined(typeof(CompilerGeneratedAttribute)) && !IsOfEveryObject(member))
            .SelectMany(member => Line(member).Select(line => (member.Name, Text: line)))
            .OrderBy(line => line.Name, StringComparer.Ordinal).ThenBy(line => line.Text, StringComparer.Ordinal)
            .Select(line => line.Text);
    }

    private static bool IsOfEveryObject(MemberInfo member) => member is MethodInfo method && method.GetBaseDefinition().DeclaringType == typeof(object);

    private static IEnumerable<string> Line(MemberInfo member) => member switch
    {
        FieldInfo field when Visible(field.Attributes) =>
            [$"{Static(field.IsStatic)}{Name(field.FieldType, new NullabilityInfoContext().Create(field))} {field.Name}{Constant(field)}"],
        ConstructorInfo constructor when Visible(constructor) => [$"new({Parameters(constructor)})"],
        PropertyInfo property when property.GetAccessors(nonPublic: true).Any(Visible) =>
            [$"{Static(property.GetAccessors(true)[0].IsStatic)}{Name(property.PropertyType, new NullabilityInfoContext().Create(property))} {Accessors(property)}"],
        EventInfo announced when Visible(announced.AddMethod!) => [$"event {Name(announced.EventHandlerType!)} {announced.Name}"],
        MethodInfo method when Visible(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal)) =>
            [$"{Static(method.IsStatic)}{Name(method.ReturnType, new NullabilityInfoContext().Create(method.ReturnParameter))} {method.Name}{Generic(method)}({Parameters(method)})"],
        _ => [],
    };

    private static bool Visible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool Visible(FieldAttributes attributes) =>
        (attributes & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem;

    private static string Static(bool isStatic) => isStatic ? "static " : "";

    private static string Constant(FieldInfo field) =>
        field.IsLiteral ? $" = {Convert.ToString(field.GetRawConstantValue(), CultureInfo.InvariantCulture)}" : "";

    private static string Accessors(PropertyInfo property)
    {
        var index = property.GetIndexParameters();
        var name = index.Length > 0 ? $"this[{string.Join(", ", index.Select(Parameter))}]" : property.Name;
        var set = property.SetMethod is { } setter && Visible(setter)
            ? setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? " init;" : " set;"
            : "";
        var required = property.IsDefined(typeof(RequiredMemberAttribute)) ? " required" : "";
        return $"{name} {{{(property.GetMethod is { } getter && Visible(getter) ? " get;" : "")}{set}{required} }}";
    }

    private static string Generic(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter)
    {
        var direction = parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? (parameter.IsIn ? "in " : "ref ") : "";
        var fallback = parameter.HasDefaultValue ? $" = {Convert.ToString(parameter.DefaultValue, CultureInfo.InvariantCulture) switch { null or "" => "default", var value => value }}" : "";
        return $"{direction}{Name(parameter.ParameterType, new NullabilityInfoContext().Create(parameter))} {parameter.Name}{fallback}";
    }

    private static string Name(Type type, NullabilityInfo? nullability = null)
    {
        if (type.IsByRef)
        {
            return Name(type.GetElementType()!, nullability?.ElementType ?? nullability);
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Name(underlying) + "?";
        }

        if (type.IsGenericParameter)
        {
            return type.Name;
        }

        var mark = nullability is { ReadState: NullabilityState.Nullable } ? "?" : "";
        if (type.IsArray)
        {
            return $"{Name(type.GetElementType()!, nullability?.ElementType)}[]{mark}";
        }

        if (Keywords.TryGetValue(type, out var keyword))
        {
            return keyword + mark;
        }

        var outer = type.IsNested ? Name(type.DeclaringType!) + "." : "";
        var arguments = type.GetGenericArguments().Select((argument, i) =>
            Name(argument, nullability?.GenericTypeArguments is { } inner && i < inner.Length ? inner[i] : null)).ToList();
        return $"{outer}{type.Name.Split('`')[0]}{(arguments.Count > 0 ? $"<{string.Join(", ", arguments)}>" : "")}{mark}";
    }
}
