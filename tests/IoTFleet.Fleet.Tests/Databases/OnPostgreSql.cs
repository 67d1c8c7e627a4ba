using IoTFleet.Fleet.Tests.Audit;
using IoTFleet.Fleet.Tests.Authorities;
using IoTFleet.Fleet.Tests.Certificates;
using IoTFleet.Fleet.Tests.Devices;
using IoTFleet.Fleet.Tests.Enrolment;
using IoTFleet.Fleet.Tests.IssuanceLog;
using IoTFleet.Fleet.Tests.Operators;
using IoTFleet.Fleet.Tests.Services;
using IoTFleet.Fleet.Tests.Telemetry.Rules;
using IoTFleet.Fleet.Tests.Twins;

namespace IoTFleet.Fleet.Tests.Databases;

// The use cases once more, on PostgreSQL.

[RunsOn(DatabaseName.PostgreSql)]
public sealed class AdmitDeviceTestsOnPostgreSql : AdmitDeviceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class AuditChainTestsOnPostgreSql : AuditChainTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class AuthorityDirectoryTestsOnPostgreSql : AuthorityDirectoryTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class DeliveryQueueTestsOnPostgreSql : DeliveryQueueTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class DrillTestsOnPostgreSql : DrillTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class EnrolDeviceTestsOnPostgreSql : EnrolDeviceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class EnrolOnceTestsOnPostgreSql : EnrolOnceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class ExplainCertificateTestsOnPostgreSql : ExplainCertificateTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class FindDevicesTestsOnPostgreSql : FindDevicesTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class FleetWriterTestsOnPostgreSql : FleetWriterTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class ForecastExpiryTestsOnPostgreSql : ForecastExpiryTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class GroupLimitTestsOnPostgreSql : GroupLimitTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class GroupTestsOnPostgreSql : GroupTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class ImportTestsOnPostgreSql(ITestOutputHelper output) : ImportTests(output);

[RunsOn(DatabaseName.PostgreSql)]
public sealed class IssuanceTestsOnPostgreSql : IssuanceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class IssuedLogTestsOnPostgreSql : IssuedLogTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class KeyTestsOnPostgreSql : KeyTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RegisterDeviceTestsOnPostgreSql : RegisterDeviceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RenewCertificateTestsOnPostgreSql : RenewCertificateTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RevocationFeedTestsOnPostgreSql : RevocationFeedTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RevocationKindsTestsOnPostgreSql : RevocationKindsTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RevokeDeviceTestsOnPostgreSql : RevokeDeviceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RevokedSetTestsOnPostgreSql : RevokedSetTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RotationTestsOnPostgreSql : RotationTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class CommandLifeTestsOnPostgreSql : CommandLifeTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class SendCommandTestsOnPostgreSql : SendCommandTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class ServiceTestsOnPostgreSql : ServiceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class SuspendDeviceTestsOnPostgreSql : SuspendDeviceTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class TokenTestsOnPostgreSql : TokenTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class TrustBundleTestsOnPostgreSql : TrustBundleTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class WaysInTestsOnPostgreSql : WaysInTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class WebhookSecretTestsOnPostgreSql : WebhookSecretTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class DesiredTestsOnPostgreSql : DesiredTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class ManyDesiredTestsOnPostgreSql : ManyDesiredTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class ReportedTestsOnPostgreSql : ReportedTests;
