using System.Threading.Channels;

namespace IoTFleet.Server.Mqtt;

/// <summary>A device is to be told what is wanted of it.</summary>
/// <param name="DeviceId">Which.</param>
/// <param name="Since">The version it has; null for the whole document.</param>
internal sealed record TwinQuestion(string DeviceId, long? Since)
{
    /// <summary>Completes when the answer is on its way.</summary>
    public TaskCompletionSource Answered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>Devices' questions between the sink, which the broker holds, and the relay, which holds the broker.</summary>
internal sealed class TwinQuestions
{
    /// <summary>Whoever asks one more waits, and so its socket.</summary>
    private const int MaxWaiting = 1_000;

    private readonly Channel<TwinQuestion> _waiting = Channel.CreateBounded<TwinQuestion>(new BoundedChannelOptions(MaxWaiting));

    public ChannelReader<TwinQuestion> Waiting => _waiting.Reader;

    /// <summary>Waits for room; the task that it yields is the answer's.</summary>
    public async ValueTask<Task> AskAsync(string deviceId, long? since, CancellationToken cancellationToken)
    {
        var question = new TwinQuestion(deviceId, since);
        await _waiting.Writer.WriteAsync(question, cancellationToken);
        return question.Answered.Task;
    }

    /// <summary>Without waiting: false when there is no room.</summary>
    public bool TryAsk(string deviceId) => _waiting.Writer.TryWrite(new TwinQuestion(deviceId, null));

    /// <summary>Nobody answers any more.</summary>
    public void Close()
    {
        _waiting.Writer.TryComplete();
        while (_waiting.Reader.TryRead(out var question)) question.Answered.TrySetCanceled();
    }
}
