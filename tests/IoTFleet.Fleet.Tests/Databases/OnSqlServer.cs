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

// The use cases once more, on SQL Server.

[RunsOn(DatabaseName.SqlServer)]
public sealed class AdmitDeviceTestsOnSqlServer : AdmitDeviceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class AuditChainTestsOnSqlServer : AuditChainTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class AuthorityDirectoryTestsOnSqlServer : AuthorityDirectoryTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class DeliveryQueueTestsOnSqlServer : DeliveryQueueTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class DrillTestsOnSqlServer : DrillTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class EnrolDeviceTestsOnSqlServer : EnrolDeviceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class EnrolOnceTestsOnSqlServer : EnrolOnceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class ExplainCertificateTestsOnSqlServer : ExplainCertificateTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class FindDevicesTestsOnSqlServer : FindDevicesTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class FleetWriterTestsOnSqlServer : FleetWriterTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class ForecastExpiryTestsOnSqlServer : ForecastExpiryTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class GroupLimitTestsOnSqlServer : GroupLimitTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class GroupTestsOnSqlServer : GroupTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class ImportTestsOnSqlServer(ITestOutputHelper output) : ImportTests(output);

[RunsOn(DatabaseName.SqlServer)]
public sealed class IssuanceTestsOnSqlServer : IssuanceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class IssuedLogTestsOnSqlServer : IssuedLogTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class KeyTestsOnSqlServer : KeyTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RegisterDeviceTestsOnSqlServer : RegisterDeviceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RenewCertificateTestsOnSqlServer : RenewCertificateTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RevocationFeedTestsOnSqlServer : RevocationFeedTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RevocationKindsTestsOnSqlServer : RevocationKindsTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RevokeDeviceTestsOnSqlServer : RevokeDeviceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RevokedSetTestsOnSqlServer : RevokedSetTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RotationTestsOnSqlServer : RotationTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class CommandLifeTestsOnSqlServer : CommandLifeTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class SendCommandTestsOnSqlServer : SendCommandTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class ServiceTestsOnSqlServer : ServiceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class SuspendDeviceTestsOnSqlServer : SuspendDeviceTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class TokenTestsOnSqlServer : TokenTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class TrustBundleTestsOnSqlServer : TrustBundleTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class WaysInTestsOnSqlServer : WaysInTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class WebhookSecretTestsOnSqlServer : WebhookSecretTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class DesiredTestsOnSqlServer : DesiredTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class ManyDesiredTestsOnSqlServer : ManyDesiredTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class ReportedTestsOnSqlServer : ReportedTests;
