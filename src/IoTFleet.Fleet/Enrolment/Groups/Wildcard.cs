namespace IoTFleet.Fleet.Enrolment.Groups;

/// <summary>Patterns of device ids: <c>*</c> for any run of characters, <c>?</c> for one, everything else for itself.</summary>
internal static class Wildcard
{
    private const int MaxLength = 200;

    public static bool IsValid(string pattern) =>
        pattern.Length is > 0 and <= MaxLength && pattern.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-' or '*' or '?');

    /// <summary>Takes at most pattern times text steps, whatever the pattern: only the last star is ever tried again.</summary>
    public static bool Matches(string pattern, string text)
    {
        var (p, t, star, resume) = (0, 0, -1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*') (star, resume) = (p++, t);
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == text[t])) (p, t) = (p + 1, t + 1);
            else if (star >= 0) (p, t) = (star + 1, ++resume);
            else return false;
        }
        while (p < pattern.Length && pattern[p] == '*') p++;
        return p == pattern.Length;
    }
}
