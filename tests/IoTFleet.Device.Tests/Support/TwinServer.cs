using System.Text.Json;
using IoTFleet.Device.Twins;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Tests.Support;

/// <summary>The server's end of a twin, as docs/wire.md has it, over the connections of a <see cref="ScriptedBroker"/>: it keeps every version it ever had.</summary>
internal sealed class TwinServer(ScriptedBroker broker) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _versions = ["{}"];
    private readonly List<string> _reports = [];
    private volatile BrokerEnd? _current;
    private BrokerEnd? _end;                                   // once it has subscribed
    private Task _serving = Task.CompletedTask;
    private ushort _lastId;

    public string Reported { get; private set; } = "{}";

    /// <summary>What was asked and reported, as it came.</summary>
    public IReadOnlyList<string> Reports => [.. _reports];

    public string Desired => _versions[^1];

    /// <summary>The desired version that the device says it has applied.</summary>
    public long Applied => MergePatch.Parse(Reported).TryGetProperty("$version", out var version) ? version.GetInt64() : 0;

    public ReasonCode ReportAnswer { get; set; } = ReasonCode.Success;

    public TwinServer Start()
    {
        _serving = ServeAsync();
        return this;
    }

    /// <summary>A change of what is wanted; pushed when the device is connected and listens.</summary>
    public async Task WantAsync(string patch)
    {
        await _turn.WaitAsync();
        try
        {
            _versions.Add(MergePatch.Apply(Desired, MergePatch.Parse(patch)));
            await TellAsync(_versions.Count - 2);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async Task SendAsync(string news)
    {
        await _turn.WaitAsync();
        try
        {
            await _end!.SendAsync(News(news));
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_current is { } current)
            await current.DisposeAsync();
        await _serving;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                _current = await broker.AcceptAsync(cancellation: _stop.Token);
                await ServeAsync(_current);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(BrokerEnd end)
    {
        try
        {
            while (await end.ReceiveAsync() is { } packet)
            {
                await _turn.WaitAsync();
                try
                {
                    await AnswerAsync(end, packet);
                }
                finally
                {
                    _turn.Release();
                }
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // Cut while an answer was on its way, or the test is over.
        }
        finally
        {
            await _turn.WaitAsync();
            _end = null;
            _turn.Release();
        }
    }

    private async Task AnswerAsync(BrokerEnd end, Packet packet)
    {
        switch (packet)
        {
            case ConnectPacket:
                await end.SendAsync(new ConnAckPacket { Reason = ReasonCode.Success });
                break;
            case SubscribePacket subscribe:
                _end = end;
                await end.SendAsync(new SubAckPacket { PacketId = subscribe.PacketId, Reasons = [.. subscribe.Subscriptions.Select(_ => ReasonCode.GrantedQos1)] });
                break;
            case PublishPacket { Topic.Value: $"devices/{Devices.Id}/twin/get" } question:
                await TellAsync(MergePatch.Parse(question.Text()).GetProperty("version").GetInt64());
                await end.AcknowledgeAsync(question);
                break;
            case PublishPacket report:
                Take(report);
                await end.AcknowledgeAsync(report, report.Topic!.Value.EndsWith("/reported", StringComparison.Ordinal) ? ReportAnswer : ReasonCode.Success);
                break;
            case PingReqPacket:
                await end.SendAsync(PingRespPacket.Instance);
                break;
        }
    }

    private void Take(PublishPacket publish)
    {
        if (publish.Topic!.Value != $"devices/{Devices.Id}/twin/reported")
            return;
        _reports.Add(publish.Text());
        if (ReportAnswer == ReasonCode.Success)
            Reported = MergePatch.Apply(Reported, MergePatch.Parse(publish.Text()));
    }

    private async Task TellAsync(long since)
    {
        if (_end is not { } end)
            return;
        var patch = MergePatch.Between(_versions[(int)since], Desired);
        try
        {
            await end.SendAsync(News($$"""{"version":{{_versions.Count - 1}},"from":{{since}},"patch":{{patch}}}"""));
        }
        catch (IOException)
        {
            // Cut: it asks when it is back.
        }
    }

    private PublishPacket News(string json) => new()
    {
        Topic = TopicName.Parse($"devices/{Devices.Id}/twin/delta"),
        Payload = Devices.Json(json),
        Qos = QualityOfService.AtLeastOnce,
        PacketId = _lastId = (ushort)(_lastId % 1_000 + 1),
    };
}
