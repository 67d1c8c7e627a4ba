using Xunit;

namespace IoTFleet.Testing;

/// <summary>Waits for a condition that another process, or another thread, makes true: looks often and gives up at a deadline.</summary>
public static class Eventually
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);

    /// <summary>It costs nothing where all is well, and a machine that builds something else meanwhile is no failure.</summary>
    private static readonly TimeSpan LongPatience = TimeSpan.FromSeconds(120);

    public static async Task<T> NotNullAsync<T>(Func<T?> look, TimeSpan? patience = null)
        where T : class =>
        await NotNullAsync(() => Task.FromResult(look()), patience);

    public static async Task<T> NotNullAsync<T>(Func<Task<T?>> look, TimeSpan? patience = null)
        where T : class
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (await look() is { } found) return found;
            Assert.True(TimeProvider.System.GetElapsedTime(deadline) < (patience ?? LongPatience), "It did not happen in time.");
            await Task.Delay(LookEvery, TimeProvider.System);
        }
    }

    public static Task TrueAsync(Func<Task<bool>> condition, TimeSpan? patience = null) =>
        NotNullAsync(async () => await condition() ? "true" : null, patience);
}
