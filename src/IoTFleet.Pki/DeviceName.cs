namespace IoTFleet.Pki;

/// <summary>The grammar of a device's id and of a service's name; compared ordinally, never normalised.</summary>
public static class DeviceName
{
    public const int MaxLength = 63;
    public const string Rule = "1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit and not ending with a dot";

    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > MaxLength || !IsLetterOrDigit(name[0]) || name[^1] == '.') return false;
        foreach (var c in name)
        {
            if (!IsLetterOrDigit(c) && c is not ('.' or '_' or '-')) return false;
        }
        return true;
    }

    private static bool IsLetterOrDigit(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
