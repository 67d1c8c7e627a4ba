namespace IoTFleet.Fleet.Tests;

public sealed class OwnThreadTests
{
    [Fact]
    public void What_follows_an_await_runs_on_the_thread_that_asked()
    {
        var threads = new List<int>();
        OwnThread.Run(async () =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            for (var i = 0; i < 100; i++)
            {
                await Task.Run(() => { });
                threads.Add(Environment.CurrentManagedThreadId);
            }
        });

        Assert.Equal(101, threads.Count);
        Assert.All(threads, thread => Assert.Equal(Environment.CurrentManagedThreadId, thread));
    }

    [Fact]
    public void An_error_comes_out_as_it_was_thrown()
    {
        var error = Assert.Throws<InvalidDataException>(() => OwnThread.Run(async () =>
        {
            await Task.Run(() => { });
            throw new InvalidDataException("damaged");
        }));
        Assert.Equal("damaged", error.Message);
    }

    [Fact]
    public async Task What_outlives_the_work_goes_on_elsewhere_and_the_thread_is_as_it_was()
    {
        var gate = new TaskCompletionSource();
        Task outlives = Task.CompletedTask;
        var before = SynchronizationContext.Current;
        OwnThread.Run(() =>
        {
            outlives = WaitAsync();
            return Task.CompletedTask;
        });

        Assert.Same(before, SynchronizationContext.Current);
        gate.SetResult();
        await outlives.WaitAsync(TimeSpan.FromMinutes(1));

        async Task WaitAsync() => await gate.Task;
    }
}
