using System.Text.Json;
using System.Text.Json.Serialization;

namespace IoTFleet.Api;

/// <summary>The JSON of the REST API: camelCase, absent instead of null, nothing by reflection.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Overview))]
[JsonSerializable(typeof(DeviceSummary))]
[JsonSerializable(typeof(DeviceDetails))]
[JsonSerializable(typeof(Page<DeviceSummary>))]
[JsonSerializable(typeof(RegisterDeviceRequest))]
[JsonSerializable(typeof(RevokeDeviceRequest))]
[JsonSerializable(typeof(RevocationResult))]
[JsonSerializable(typeof(CreateTokenRequest))]
[JsonSerializable(typeof(CreatedToken))]
[JsonSerializable(typeof(Page<TokenSummary>))]
[JsonSerializable(typeof(GroupSettings))]
[JsonSerializable(typeof(GroupDetails))]
[JsonSerializable(typeof(Page<GroupDetails>))]
[JsonSerializable(typeof(CreateGroupRequest))]
[JsonSerializable(typeof(ServiceSummary))]
[JsonSerializable(typeof(ServiceDetails))]
[JsonSerializable(typeof(Page<ServiceSummary>))]
[JsonSerializable(typeof(CreateServiceRequest))]
[JsonSerializable(typeof(IssueCertificateRequest))]
[JsonSerializable(typeof(IssuedServiceCertificate))]
[JsonSerializable(typeof(RevokeServiceRequest))]
[JsonSerializable(typeof(ServiceRevocation))]
[JsonSerializable(typeof(TelemetryRecord))]
[JsonSerializable(typeof(Page<TelemetryRecord>))]
[JsonSerializable(typeof(SendCommandRequest))]
[JsonSerializable(typeof(CommandReceipt))]
[JsonSerializable(typeof(ApiProblem))]
[JsonSerializable(typeof(ServerFile))]
public sealed partial class ApiJson : JsonSerializerContext;
