namespace IoTFleet.Api;

/// <summary>One page of a list. Lists are read forward only, page by page.</summary>
/// <typeparam name="T">What the list holds.</typeparam>
public sealed record Page<T>
{
    /// <summary>The largest <c>limit</c> a list takes; a larger one is refused with <see cref="ProblemCodes.InvalidRequest"/>.</summary>
    public const int MaximumLimit = 1000;

    /// <summary>The page size when the request names none.</summary>
    public const int DefaultLimit = 100;

    /// <summary>The items, in the order of the list; may be empty on the last page.</summary>
    public required IReadOnlyList<T> Items { get; init; }

    /// <summary>The <c>cursor</c> of the next page, or null when this is the last. Opaque: pass it back as it came.</summary>
    public string? Next { get; init; }
}
