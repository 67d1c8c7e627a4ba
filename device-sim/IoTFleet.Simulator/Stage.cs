using Spectre.Console;

namespace IoTFleet.Simulator;

/// <summary>Shows how far a piece of work is: a bar on a terminal, a line now and then in a file.</summary>
internal sealed class Stage(IAnsiConsole console, TimeProvider clock)
{
    /// <param name="what">What is done, such as "Connecting devices".</param>
    /// <param name="total">How many steps it has.</param>
    /// <param name="work">Does it, and calls back after each step, from any thread.</param>
    public Task RunAsync(string what, int total, Func<Action, Task> work) =>
        console.Profile.Capabilities.Interactive ? RunWithBarAsync(what, total, work) : RunWithLinesAsync(what, total, work);

    private Task RunWithBarAsync(string what, int total, Func<Action, Task> work) =>
        console.Progress().StartAsync(async progress =>
        {
            var bar = progress.AddTask(Markup.Escape(what), maxValue: total);
            await work(() => bar.Increment(1));
        });

    private async Task RunWithLinesAsync(string what, int total, Func<Action, Task> work)
    {
        var done = 0;
        var running = work(() => Interlocked.Increment(ref done));
        while (!running.IsCompleted)
        {
            await Task.WhenAny(running, Task.Delay(LiveTable.LineEvery, clock));
            console.WriteLine($"{what}: {Volatile.Read(ref done):N0} of {total:N0}");
        }
        await running;
    }
}
