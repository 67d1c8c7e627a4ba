using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using IoTFleet.Server.Mqtt;
using static IoTFleet.Server.Security.OperatorAuth;
using RegisterDeviceRequest = IoTFleet.Api.RegisterDeviceRequest;
using RevokeDeviceRequest = IoTFleet.Api.RevokeDeviceRequest;

namespace IoTFleet.Server.Rest;

internal static class DevicesApi
{
    public static void MapDevices(this IEndpointRouteBuilder api)
    {
        api.MapGet("/devices", ListAsync);
        api.MapPost("/devices", RegisterAsync);
        api.MapGet("/devices/{id}", GetAsync);
        api.MapPost("/devices/{id}/suspend", SuspendAsync);
        api.MapPost("/devices/{id}/resume", ResumeAsync);
        api.MapPost("/devices/{id}/revoke", RevokeAsync);
    }

    private static async Task<IResult> ListAsync(
        FindDevices find, MqttBroker broker, HttpContext context, CancellationToken cancellationToken,
        string? state = null, string? prefix = null, string? cursor = null, int limit = Page<DeviceSummary>.DefaultLimit)
    {
        DeviceState? wanted = null;
        if (state is not null)
        {
            if (!Enum.TryParse<DeviceState>(state, ignoreCase: true, out var parsed) || int.TryParse(state, out _)) return Problems.Invalid($"'{state}' is not a state; use registered, active, suspended or revoked.");
            wanted = parsed;
        }

        return await find.RunAsync(ActorOf(context), new FindDevicesRequest(wanted, prefix, cursor, limit), cancellationToken) switch
        {
            FindDevicesResult.Page page => TypedResults.Ok(new Page<DeviceSummary> { Items = [.. page.Devices.Select(device => Summary(device, broker))], Next = page.Next }),
            _ => Problems.Forbidden("see devices"),
        };
    }

    private static async Task<IResult> RegisterAsync(
        RegisterDeviceRequest request, RegisterDevice register, MqttBroker broker, HttpContext context, CancellationToken cancellationToken) =>
        await register.RunAsync(ActorOf(context), new Fleet.Devices.RegisterDeviceRequest(request.Id, request.DisplayName), cancellationToken) switch
        {
            RegisterDeviceResult.Registered done => TypedResults.Created($"/api/v1/devices/{done.Device.Id}", Summary(done.Device, broker)),
            RegisterDeviceResult.AlreadyKnown => Problems.Conflict(ProblemCodes.DeviceExists, $"There is a device {request.Id} already."),
            RegisterDeviceResult.Invalid invalid => Problems.Invalid(invalid.Problem, DeviceName.IsValid(request.Id) ? ProblemCodes.InvalidRequest : ProblemCodes.InvalidDeviceId),
            _ => Problems.Forbidden("register devices"),
        };

    private static async Task<IResult> GetAsync(string id, FindDevices find, MqttBroker broker, HttpContext context, CancellationToken cancellationToken) =>
        await find.OneAsync(ActorOf(context), id, cancellationToken) switch
        {
            FindDeviceResult.Found found => TypedResults.Ok(Details(found, broker)),
            FindDeviceResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("see devices"),
        };

    private static async Task<IResult> SuspendAsync(
        string id, SuspendDevice suspend, NodeReports nodes, MqttBroker broker, HttpContext context, CancellationToken cancellationToken)
    {
        var result = await suspend.RunAsync(ActorOf(context), new SuspendDeviceRequest(id), cancellationToken);
        var effective = await nodes.WaitAsync(cancellationToken);     // answered once it is in force
        return result switch
        {
            SuspendDeviceResult.Suspended done => TypedResults.Ok(Summary(done.Device, broker) with { Effective = effective }),
            SuspendDeviceResult.AlreadyRevoked => Problems.Conflict(ProblemCodes.DeviceRevoked, $"Device {id} is revoked, which cannot be undone."),
            SuspendDeviceResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("suspend devices"),
        };
    }

    private static async Task<IResult> ResumeAsync(
        string id, ResumeDevice resume, NodeReports nodes, MqttBroker broker, HttpContext context, CancellationToken cancellationToken)
    {
        var result = await resume.RunAsync(ActorOf(context), new ResumeDeviceRequest(id), cancellationToken);
        var effective = await nodes.WaitAsync(cancellationToken);
        return result switch
        {
            ResumeDeviceResult.Resumed done => TypedResults.Ok(Summary(done.Device, broker) with { Effective = effective }),
            ResumeDeviceResult.NotSuspended other => Problems.Conflict(ProblemCodes.DeviceNotSuspended, $"Device {id} is {Name(other.State)}, not suspended."),
            ResumeDeviceResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("resume devices"),
        };
    }

    private static async Task<IResult> RevokeAsync(
        string id, RevokeDevice revoke, NodeReports nodes, MqttBroker broker, HttpContext context, CancellationToken cancellationToken, RevokeDeviceRequest? request = null)
    {
        if (!TryReadReason(request?.Reason, out var reason)) return NoReason(request!.Reason!);
        var wasConnected = broker.ConnectedSince(id) is not null;
        var result = await revoke.RunAsync(ActorOf(context), new Fleet.Certificates.RevokeDeviceRequest(id, reason), cancellationToken);
        var effective = await nodes.WaitAsync(cancellationToken);
        return result switch
        {
            RevokeDeviceResult.Revoked done => TypedResults.Ok(new RevocationResult
            {
                Id = id,
                CertificatesRevoked = done.Certificates,
                SessionsClosed = wasConnected ? 1 : 0,
                Effective = effective,
            }),
            RevokeDeviceResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("revoke devices"),
        };
    }

    internal static IResult NoReason(string text) => Problems.Invalid($"'{text}' is not a reason; use unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation.");

    internal static bool TryReadReason(string? text, out RevocationReason reason)
    {
        reason = RevocationReason.Unspecified;
        return text is null || (Enum.TryParse(text, ignoreCase: true, out reason) && !int.TryParse(text, out _));
    }

    private static DeviceSummary Summary(Fleet.Devices.Device device, MqttBroker broker)
    {
        var since = broker.ConnectedSince(device.Id);
        return new DeviceSummary
        {
            Id = device.Id,
            DisplayName = device.DisplayName,
            State = Name(device.State),
            RegisteredAt = device.RegisteredAt,
            Connected = since is not null,
            ConnectedSince = since,
        };
    }

    private static DeviceDetails Details(FindDeviceResult.Found found, MqttBroker broker)
    {
        var summary = Summary(found.Device, broker);
        return new DeviceDetails
        {
            Id = summary.Id,
            DisplayName = summary.DisplayName,
            State = summary.State,
            RegisteredAt = summary.RegisteredAt,
            Connected = summary.Connected,
            ConnectedSince = summary.ConnectedSince,
            Certificates = [.. found.Certificates.Select(certificate => new CertificateSummary
            {
                Serial = certificate.Serial,
                NotBefore = certificate.NotBefore,
                NotAfter = certificate.NotAfter,
                RevokedAt = certificate.RevokedAt,
                RevocationReason = Name(certificate.RevocationReason),
            })],
        };
    }

    internal static string Name(DeviceState state) => CamelCase(state.ToString());

    internal static string? Name(RevocationReason? reason) => reason is { } given ? CamelCase(given.ToString()) : null;

    private static string CamelCase(string name) => char.ToLowerInvariant(name[0]) + name[1..];
}
