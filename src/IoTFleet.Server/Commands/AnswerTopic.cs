using System.Text.Json;
using System.Text.Unicode;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Commands;
using IoTFleet.Mqtt;
using IoTFleet.Server.Mqtt;

namespace IoTFleet.Server.Commands;

/// <summary><c>devices/{id}/answers/{command id}</c>: stored, and then acknowledged. What is no answer is refused late, so that it costs a 3.1.1 device nothing either.</summary>
internal sealed class AnswerTopic(AnswerCommand answer, CommandEnds ends, CommandOptions options) : IDeviceTopic
{
    public const string Name = "answers";

    private const int LeastStatus = 100;
    private const int MostStatus = 599;

    public string Level => Name;

    public ValueTask<Acceptance> AcceptAsync(Message message, string deviceId, string below, CancellationToken cancellationToken)
    {
        if (!StoredCommand.IsValidId(below)) return Refused(Unknown(deviceId, below));
        if (message.Payload.Length > options.MaxAnswerBytes) return Refused(new LateRefusal(ReasonCode.QuotaExceeded, "answer-too-large", $"An answer has at most {options.MaxAnswerBytes} bytes, and this one has {message.Payload.Length}."));
        if (!TryRead(message.Payload, out var status, out var payload))
            return Refused(new LateRefusal(ReasonCode.PayloadFormatInvalid, "answer-unreadable", $"An answer is a JSON object with \"status\", an integer from {LeastStatus} to {MostStatus}."));
        return ValueTask.FromResult(Acceptance.Judged(StoreAsync(new AnswerCommandRequest(deviceId, below, status, payload))));
    }

    /// <summary>Not cut short when the device goes: it is acknowledged or sent again.</summary>
    private async Task<LateRefusal?> StoreAsync(AnswerCommandRequest request)
    {
        if (await answer.RunAsync(request, CancellationToken.None) == AnswerCommandResult.Unknown) return Unknown(request.DeviceId, request.Id);
        ends.Ended(new CommandKey(request.DeviceId, request.Id));
        return null;
    }

    private static ValueTask<Acceptance> Refused(LateRefusal refusal) => ValueTask.FromResult(Acceptance.Judged(Task.FromResult<LateRefusal?>(refusal)));

    private static LateRefusal Unknown(string deviceId, string id) =>
        new(ReasonCode.ImplementationSpecificError, "answer-unknown-command", $"Device {deviceId} has no command '{id}', or it was forgotten.");

    private static bool TryRead(ReadOnlyMemory<byte> json, out int status, out string? payload)
    {
        (status, payload) = (0, null);
        if (!Utf8.IsValid(json.Span)) return false;
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("status", out var told)) return false;
            if (told.ValueKind != JsonValueKind.Number || !told.TryGetInt32(out status) || status is < LeastStatus or > MostStatus) return false;
            payload = root.TryGetProperty("payload", out var said) ? said.GetRawText() : null;
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
