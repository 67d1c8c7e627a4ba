namespace IoTFleet.Fleet;

public static class Causes
{
    /// <summary>The first error of this kind, from the outside in; null when there is none.</summary>
    public static T? Find<T>(this Exception? error)
        where T : Exception
    {
        for (; error is not null; error = error.InnerException)
        {
            if (error is T found) return found;
        }
        return null;
    }
}
