namespace IoTFleet.Device;

/// <summary>A command that an operator or a backend application sent to this device.</summary>
/// <param name="Name">Which command, for example <c>reboot</c>; a backend's own may have several levels.</param>
/// <param name="Payload">The bytes as sent; by convention a UTF-8 JSON value.</param>
/// <param name="ReceivedAt">When it reached the device.</param>
public sealed record DeviceCommand(string Name, ReadOnlyMemory<byte> Payload, DateTimeOffset ReceivedAt)
{
    /// <summary>The command's id, under which it is answered; null when a backend has sent it by itself and expects no answer.</summary>
    public string? Id { get; init; }

    /// <summary>When it is over; null when that is not known: MQTT 3.1.1 cannot say it.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>When it came, and for how long it is good, by a clock that nobody sets: the other may jump by years.</summary>
    internal (long ReceivedAt, TimeSpan Time)? Life { get; init; }

    internal Func<CommandAnswer, Task<bool>>? Answerer { get; init; }

    /// <summary>Called when whoever had it stops in the middle.</summary>
    internal Func<Task>? Abandoner { get; init; }

    /// <summary>
    /// Answers the command. Completes when the answer is held, on disk if there is a folder; from there it is sent until the server has stored it, over reconnects and
    /// restarts.
    /// </summary>
    /// <returns>True when this is the command's answer; false when it has one already, or expects none.</returns>
    /// <exception cref="ArgumentException">The payload is not JSON, or longer than 65,000 bytes.</exception>
    public Task<bool> AnswerAsync(CommandAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        return Answerer?.Invoke(answer) ?? Task.FromResult(false);
    }

    /// <summary>Null when there is no deadline; never below zero.</summary>
    internal TimeSpan? TimeLeft(TimeProvider clock)
    {
        if (Life is not { } life)
            return null;
        var left = life.Time - clock.GetElapsedTime(life.ReceivedAt);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Answers the command with a status and nothing else, or with JSON beside it.</summary>
    /// <inheritdoc cref="AnswerAsync(CommandAnswer)"/>
    /// <param name="status">100 to 599, in HTTP's sense: 2xx done, 4xx refused, 5xx failed.</param>
    /// <param name="json">One JSON value in UTF-8, or nothing.</param>
    public Task<bool> AnswerAsync(int status, ReadOnlyMemory<byte> json = default) => AnswerAsync(new CommandAnswer(status, json));
}
