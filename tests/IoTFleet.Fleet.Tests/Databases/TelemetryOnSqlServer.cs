using IoTFleet.Fleet.Tests.Telemetry;
using IoTFleet.Fleet.Tests.Telemetry.Quarantine;
using IoTFleet.Fleet.Tests.Telemetry.Queries;
using IoTFleet.Fleet.Tests.Telemetry.Rules;

namespace IoTFleet.Fleet.Tests.Databases;

// Telemetry once more, on SQL Server.

[RunsOn(DatabaseName.SqlServer)]
public sealed class BucketTestsOnSqlServer : BucketTests;

[RunsOn(DatabaseName.SqlServer)]
[Collection(nameof(ExportTests))]
public sealed class ExportTestsOnSqlServer : ExportTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class PayloadQuarantineTestsOnSqlServer : PayloadQuarantineTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class QueryTelemetryTestsOnSqlServer : QueryTelemetryTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RepetitionTestsOnSqlServer : RepetitionTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RetentionTestsOnSqlServer : RetentionTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RollupTestsOnSqlServer : RollupTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class RuleWatchTestsOnSqlServer : RuleWatchTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class TelemetryIngestTestsOnSqlServer : TelemetryIngestTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class TelemetryMergeTestsOnSqlServer : TelemetryMergeTests;

[RunsOn(DatabaseName.SqlServer)]
public sealed class ValueTestsOnSqlServer : ValueTests;
