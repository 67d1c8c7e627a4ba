namespace IoTFleet.Device.Commands;

/// <summary>Runs an application's handler for one command after the other and answers with what it returns.</summary>
internal sealed class CommandHandling(Func<DeviceCommand, CancellationToken, Task<CommandAnswer>> handler, TimeProvider clock, Action<DeviceException>? trouble)
{
    public async Task RunAsync(IAsyncEnumerable<DeviceCommand> commands, CancellationToken stop)
    {
        await foreach (var command in commands)
        {
            var answer = await AnswerToAsync(command, stop);
            if (answer is null)
                return;                                        // it stops in the middle: the ledger knows, and says so after the next start
            await SendAsync(command, answer);
        }
    }

    private async Task<CommandAnswer?> AnswerToAsync(DeviceCommand command, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(command.TimeLeft(clock) ?? Timeout.InfiniteTimeSpan, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        try
        {
            return await handler(command, either.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await (command.Abandoner?.Invoke() ?? Task.CompletedTask);
            return null;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return CommandAnswer.WithText(504, "Not done by the deadline.");
        }
        catch (Exception error)
        {
            return Failed(command, error);                     // one command's handler must not end the others'
        }
    }

    private async Task SendAsync(DeviceCommand command, CommandAnswer answer)
    {
        try
        {
            await command.AnswerAsync(answer);
        }
        catch (ArgumentException error)
        {
            await command.AnswerAsync(Failed(command, error));
        }
    }

    private CommandAnswer Failed(DeviceCommand command, Exception error)
    {
        trouble?.Invoke(new DeviceException(DeviceError.CommandFailed, $"Command {command.Name} has failed: {error.Message}", error));
        return CommandAnswer.WithText(500, $"{error.GetType().Name}: {Cut(error.Message)}");
    }

    private static string Cut(string text) => text.Length <= 500 ? text : text[..500];
}
