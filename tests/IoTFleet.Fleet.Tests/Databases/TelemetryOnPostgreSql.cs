using IoTFleet.Fleet.Tests.Telemetry;
using IoTFleet.Fleet.Tests.Telemetry.Quarantine;
using IoTFleet.Fleet.Tests.Telemetry.Queries;
using IoTFleet.Fleet.Tests.Telemetry.Rules;

namespace IoTFleet.Fleet.Tests.Databases;

// Telemetry once more, on PostgreSQL.

[RunsOn(DatabaseName.PostgreSql)]
public sealed class BucketTestsOnPostgreSql : BucketTests;

[RunsOn(DatabaseName.PostgreSql)]
[Collection(nameof(ExportTests))]
public sealed class ExportTestsOnPostgreSql : ExportTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class PayloadQuarantineTestsOnPostgreSql : PayloadQuarantineTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class QueryTelemetryTestsOnPostgreSql : QueryTelemetryTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RepetitionTestsOnPostgreSql : RepetitionTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RetentionTestsOnPostgreSql : RetentionTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RollupTestsOnPostgreSql : RollupTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class RuleWatchTestsOnPostgreSql : RuleWatchTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class TelemetryIngestTestsOnPostgreSql : TelemetryIngestTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class TelemetryMergeTestsOnPostgreSql : TelemetryMergeTests;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class ValueTestsOnPostgreSql : ValueTests;
