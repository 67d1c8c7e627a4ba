using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace IoTFleet.Fleet.PostgreSql.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "AlertDeliveries",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                    WebhookId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: true, collation: "C"),
                    AlertId = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                    Event = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Topic = table.Column<string>(type: "character varying(263)", maxLength: 263, nullable: false, collation: "C"),
                    Body = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Attempts = table.Column<int>(type: "integer", nullable: false),
                    StartedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    NextAttemptAtUs = table.Column<long>(type: "bigint", nullable: false),
                    LastAttemptAtUs = table.Column<long>(type: "bigint", nullable: true),
                    LastStatus = table.Column<int>(type: "integer", nullable: true),
                    LastProblem = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_AlertDeliveries", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Alerts",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                    RuleId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    Kind = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Severity = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    GroupId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    OpenKey = table.Column<string>(type: "character varying(127)", maxLength: 127, nullable: true, collation: "C"),
                    SinceUs = table.Column<long>(type: "bigint", nullable: false),
                    OpenedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    Value = table.Column<double>(type: "double precision", nullable: true),
                    Detail = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false, collation: "C"),
                    AcknowledgedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    AcknowledgedBy = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    Note = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: true, collation: "C"),
                    ClosedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    ClosedBy = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    CloseReason = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C"),
                    Version = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Alerts", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "ApiKeys",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                    Name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    SecretHash = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    Role = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ApiKeys", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Audit",
                columns: table => new
                {
                    Id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    AtUs = table.Column<long>(type: "bigint", nullable: false),
                    ActorKind = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    ActorName = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Action = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Subject = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Outcome = table.Column<string>(type: "character varying(60)", maxLength: 60, nullable: false, collation: "C"),
                    Detail = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Chain = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    Sequence = table.Column<long>(type: "bigint", nullable: false),
                    Hash = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Audit", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "AuditHeads",
                columns: table => new
                {
                    Chain = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    Sequence = table.Column<long>(type: "bigint", nullable: false),
                    Hash = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_AuditHeads", x => x.Chain);
                });

            migrationBuilder.CreateTable(
                name: "Authorities",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Purpose = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Generation = table.Column<int>(type: "integer", nullable: false),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Der = table.Column<byte[]>(type: "bytea", nullable: false),
                    KeyReference = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    NotBeforeUs = table.Column<long>(type: "bigint", nullable: false),
                    NotAfterUs = table.Column<long>(type: "bigint", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    StateChangedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    RevocationReason = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Authorities", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "BlockedKeys",
                columns: table => new
                {
                    Fingerprint = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    Reason = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    AtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_BlockedKeys", x => x.Fingerprint);
                });

            migrationBuilder.CreateTable(
                name: "Crls",
                columns: table => new
                {
                    IssuerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Shard = table.Column<int>(type: "integer", nullable: false),
                    Number = table.Column<long>(type: "bigint", nullable: false),
                    ThisUpdateUs = table.Column<long>(type: "bigint", nullable: false),
                    NextUpdateUs = table.Column<long>(type: "bigint", nullable: false),
                    Entries = table.Column<int>(type: "integer", nullable: false),
                    Der = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Crls", x => new { x.IssuerId, x.Shard });
                });

            migrationBuilder.CreateTable(
                name: "Devices",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    DisplayName = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    RegisteredAtUs = table.Column<long>(type: "bigint", nullable: false),
                    StateChangedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    GroupId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: true, collation: "C"),
                    HardwareSerial = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    Tags = table.Column<string[]>(type: "text[]", nullable: false),
                    TrustBundleVersion = table.Column<long>(type: "bigint", nullable: true),
                    LastConnectedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    RenewRequestedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    CloneSuspectedAtUs = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Devices", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Groups",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    Description = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    Ways = table.Column<int>(type: "integer", maxLength: 40, nullable: false),
                    Closed = table.Column<bool>(type: "boolean", nullable: false),
                    Approval = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    MaxPending = table.Column<int>(type: "integer", nullable: false),
                    MaxDevices = table.Column<int>(type: "integer", nullable: true),
                    Enrolled = table.Column<int>(type: "integer", nullable: false),
                    MaxPerHour = table.Column<int>(type: "integer", nullable: true),
                    HourStartsAtUs = table.Column<long>(type: "bigint", nullable: true),
                    EnrolledThisHour = table.Column<int>(type: "integer", nullable: false),
                    OpensAtUs = table.Column<long>(type: "bigint", nullable: true),
                    ClosesAtUs = table.Column<long>(type: "bigint", nullable: true),
                    IdPattern = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    OnlyListedSerials = table.Column<bool>(type: "boolean", nullable: false),
                    Tags = table.Column<string[]>(type: "text[]", nullable: false),
                    CertificateDays = table.Column<int>(type: "integer", nullable: true),
                    CertificateMinutes = table.Column<int>(type: "integer", nullable: true),
                    GraceDays = table.Column<int>(type: "integer", nullable: false),
                    KeyReuseLimit = table.Column<int>(type: "integer", nullable: false),
                    RequireChannelBinding = table.Column<bool>(type: "boolean", nullable: false),
                    ServerKeyGeneration = table.Column<bool>(type: "boolean", nullable: false),
                    AllowRsa = table.Column<bool>(type: "boolean", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Groups", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "IssuanceIntents",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Profile = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Subject = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    KeyFingerprint = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    IssuerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Door = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C"),
                    TokenId = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    BatchId = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    TbsHash = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    AtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_IssuanceIntents", x => x.Serial);
                });

            migrationBuilder.CreateTable(
                name: "LogCheckpoints",
                columns: table => new
                {
                    Size = table.Column<long>(type: "bigint", nullable: false),
                    RootHash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                    Note = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    AtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_LogCheckpoints", x => x.Size);
                });

            migrationBuilder.CreateTable(
                name: "LogLeaves",
                columns: table => new
                {
                    Index = table.Column<long>(type: "bigint", nullable: false),
                    Hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                    Serial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    AtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_LogLeaves", x => x.Index);
                });

            migrationBuilder.CreateTable(
                name: "Nodes",
                columns: table => new
                {
                    Node = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    Sequence = table.Column<long>(type: "bigint", nullable: false),
                    SeenAtUs = table.Column<long>(type: "bigint", nullable: false),
                    StartedAtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Nodes", x => x.Node);
                });

            migrationBuilder.CreateTable(
                name: "RevocationOrders",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                    Target = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Reason = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Count = table.Column<int>(type: "integer", nullable: false),
                    Suspended = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    RequestedBy = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    RequestedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    DecidedBy = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    DecidedAtUs = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_RevocationOrders", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Revocations",
                columns: table => new
                {
                    Id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    AtUs = table.Column<long>(type: "bigint", nullable: false),
                    Kind = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Subject = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    Serial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C"),
                    IssuerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Revocations", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Rules",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    Description = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    Kind = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Severity = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Enabled = table.Column<bool>(type: "boolean", nullable: false),
                    GroupId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: true, collation: "C"),
                    DeviceIds = table.Column<string[]>(type: "text[]", nullable: false),
                    Stream = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    Metric = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: true, collation: "C"),
                    Direction = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Limit = table.Column<double>(type: "double precision", nullable: true),
                    ClearLimit = table.Column<double>(type: "double precision", nullable: true),
                    ForSeconds = table.Column<int>(type: "integer", nullable: false),
                    OverSeconds = table.Column<int>(type: "integer", nullable: false),
                    WebhookIds = table.Column<string[]>(type: "text[]", nullable: false),
                    Mqtt = table.Column<bool>(type: "boolean", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    ChangedAtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Rules", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "ServerCertificates",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    IssuerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Profile = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Subject = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    Der = table.Column<byte[]>(type: "bytea", nullable: false),
                    NotBeforeUs = table.Column<long>(type: "bigint", nullable: false),
                    NotAfterUs = table.Column<long>(type: "bigint", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    RevocationReason = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ServerCertificates", x => x.Serial);
                });

            migrationBuilder.CreateTable(
                name: "Services",
                columns: table => new
                {
                    Name = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    PublishRules = table.Column<string[]>(type: "text[]", nullable: false),
                    SubscribeRules = table.Column<string[]>(type: "text[]", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    StateChangedAtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Services", x => x.Name);
                });

            migrationBuilder.CreateTable(
                name: "TelemetryQuarantine",
                columns: table => new
                {
                    Id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    Topic = table.Column<string>(type: "character varying(1000)", maxLength: 1000, nullable: false, collation: "C"),
                    ReceivedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    Code = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Detail = table.Column<string>(type: "character varying(400)", maxLength: 400, nullable: false, collation: "C"),
                    ContentType = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: true, collation: "C"),
                    Length = table.Column<int>(type: "integer", nullable: false),
                    Body = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryQuarantine", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Tokens",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                    Name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    SecretHash = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    MaxUses = table.Column<int>(type: "integer", nullable: false),
                    Uses = table.Column<int>(type: "integer", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    ExpiresAtUs = table.Column<long>(type: "bigint", nullable: false),
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: true, collation: "C"),
                    GroupId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, defaultValue: "default", collation: "C"),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Tokens", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "TrustBundles",
                columns: table => new
                {
                    Version = table.Column<long>(type: "bigint", nullable: false),
                    Document = table.Column<byte[]>(type: "bytea", nullable: false),
                    SignerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TrustBundles", x => x.Version);
                });

            migrationBuilder.CreateTable(
                name: "Webhooks",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    Description = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    Url = table.Column<string>(type: "character varying(1000)", maxLength: 1000, nullable: false, collation: "C"),
                    ProtectedSecret = table.Column<byte[]>(type: "bytea", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Webhooks", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "DeviceKeys",
                columns: table => new
                {
                    Fingerprint = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    DeviceId = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_DeviceKeys", x => x.Fingerprint);
                    table.ForeignKey(
                        name: "FK_DeviceKeys_Devices_DeviceId",
                        column: x => x.DeviceId,
                        principalTable: "Devices",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "AllowedSerials",
                columns: table => new
                {
                    GroupId = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C"),
                    Serial = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: true, collation: "C"),
                    UsedBy = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_AllowedSerials", x => new { x.GroupId, x.Serial });
                    table.ForeignKey(
                        name: "FK_AllowedSerials_Groups_GroupId",
                        column: x => x.GroupId,
                        principalTable: "Groups",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "ClaimBatches",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    GroupId = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C"),
                    Quota = table.Column<int>(type: "integer", nullable: false),
                    Used = table.Column<int>(type: "integer", nullable: false),
                    OpensAtUs = table.Column<long>(type: "bigint", nullable: false),
                    ClosesAtUs = table.Column<long>(type: "bigint", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    HeldAtUs = table.Column<long>(type: "bigint", nullable: true),
                    DevicesRevokedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    DevicesHeldAtUs = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ClaimBatches", x => x.Id);
                    table.ForeignKey(
                        name: "FK_ClaimBatches_Groups_GroupId",
                        column: x => x.GroupId,
                        principalTable: "Groups",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "Manufacturers",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    GroupId = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C"),
                    Name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    Der = table.Column<byte[]>(type: "bytea", nullable: false),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Challenge = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    RegisteredAtUs = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Manufacturers", x => x.Id);
                    table.ForeignKey(
                        name: "FK_Manufacturers_Groups_GroupId",
                        column: x => x.GroupId,
                        principalTable: "Groups",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "PendingEnrolments",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                    GroupId = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C"),
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    KeyFingerprint = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    Door = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    CredentialId = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    HardwareSerial = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                    Origin = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Evidence = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    AskedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    LastAskedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    DecidedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    DecidedBy = table.Column<string>(type: "text", nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_PendingEnrolments", x => x.Id);
                    table.ForeignKey(
                        name: "FK_PendingEnrolments_Groups_GroupId",
                        column: x => x.GroupId,
                        principalTable: "Groups",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "ServiceCertificates",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    ServiceName = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C"),
                    KeyFingerprint = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    IssuerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Der = table.Column<byte[]>(type: "bytea", nullable: false),
                    NotBeforeUs = table.Column<long>(type: "bigint", nullable: false),
                    NotAfterUs = table.Column<long>(type: "bigint", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    RevocationReason = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ServiceCertificates", x => x.Serial);
                    table.ForeignKey(
                        name: "FK_ServiceCertificates_Services_ServiceName",
                        column: x => x.ServiceName,
                        principalTable: "Services",
                        principalColumn: "Name",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "Certificates",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    DeviceId = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C"),
                    KeyFingerprint = table.Column<string>(type: "character varying(64)", nullable: false, collation: "C"),
                    IssuerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Door = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, defaultValue: "Token", collation: "C"),
                    TokenId = table.Column<string>(type: "character varying(32)", nullable: true, collation: "C"),
                    BatchId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: true, collation: "C"),
                    Der = table.Column<byte[]>(type: "bytea", nullable: false),
                    NotBeforeUs = table.Column<long>(type: "bigint", nullable: false),
                    NotAfterUs = table.Column<long>(type: "bigint", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    RevocationReason = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C"),
                    HeldAtUs = table.Column<long>(type: "bigint", nullable: true),
                    PredecessorSerial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C"),
                    Lineage = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C"),
                    KeyUses = table.Column<int>(type: "integer", nullable: false),
                    FirstUsedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    LogIndex = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Certificates", x => x.Serial);
                    table.ForeignKey(
                        name: "FK_Certificates_DeviceKeys_KeyFingerprint",
                        column: x => x.KeyFingerprint,
                        principalTable: "DeviceKeys",
                        principalColumn: "Fingerprint",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "FK_Certificates_Devices_DeviceId",
                        column: x => x.DeviceId,
                        principalTable: "Devices",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "FK_Certificates_Tokens_TokenId",
                        column: x => x.TokenId,
                        principalTable: "Tokens",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "ClaimCertificates",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    BatchId = table.Column<string>(type: "character varying(63)", nullable: false, collation: "C"),
                    KeyFingerprint = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    IssuerId = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    Der = table.Column<byte[]>(type: "bytea", nullable: false),
                    NotBeforeUs = table.Column<long>(type: "bigint", nullable: false),
                    NotAfterUs = table.Column<long>(type: "bigint", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    RevocationReason = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ClaimCertificates", x => x.Serial);
                    table.ForeignKey(
                        name: "FK_ClaimCertificates_ClaimBatches_BatchId",
                        column: x => x.BatchId,
                        principalTable: "ClaimBatches",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.InsertData(
                table: "Groups",
                columns: new[] { "Id", "AllowRsa", "Approval", "CertificateDays", "CertificateMinutes", "Closed", "ClosesAtUs", "CreatedAtUs", "Description", "Enrolled", "EnrolledThisHour", "GraceDays", "HourStartsAtUs", "IdPattern", "KeyReuseLimit", "MaxDevices", "MaxPending", "MaxPerHour", "OnlyListedSerials", "OpensAtUs", "RequireChannelBinding", "ServerKeyGeneration", "Tags", "Ways" },
                values: new object[] { "default", false, "Automatic", null, null, false, null, 0L, null, 0, 0, 0, null, null, 0, null, 1000, null, false, null, false, false, new string[0], 1 });

            migrationBuilder.CreateIndex(
                name: "IX_AlertDeliveries_CreatedAtUs",
                table: "AlertDeliveries",
                column: "CreatedAtUs");

            migrationBuilder.CreateIndex(
                name: "IX_AlertDeliveries_State_NextAttemptAtUs",
                table: "AlertDeliveries",
                columns: new[] { "State", "NextAttemptAtUs" });

            migrationBuilder.CreateIndex(
                name: "IX_AlertDeliveries_WebhookId_Id",
                table: "AlertDeliveries",
                columns: new[] { "WebhookId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Alerts_ClosedAtUs",
                table: "Alerts",
                column: "ClosedAtUs");

            migrationBuilder.CreateIndex(
                name: "IX_Alerts_DeviceId_Id",
                table: "Alerts",
                columns: new[] { "DeviceId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Alerts_OpenKey",
                table: "Alerts",
                column: "OpenKey",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_Alerts_RuleId_Id",
                table: "Alerts",
                columns: new[] { "RuleId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_ApiKeys_SecretHash",
                table: "ApiKeys",
                column: "SecretHash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_Audit_Chain_Sequence",
                table: "Audit",
                columns: new[] { "Chain", "Sequence" });

            migrationBuilder.CreateIndex(
                name: "IX_Audit_Subject",
                table: "Audit",
                column: "Subject");

            migrationBuilder.CreateIndex(
                name: "IX_Authorities_Purpose_Generation",
                table: "Authorities",
                columns: new[] { "Purpose", "Generation" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_BatchId",
                table: "Certificates",
                column: "BatchId");

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_DeviceId",
                table: "Certificates",
                column: "DeviceId");

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_IssuerId_RevokedAtUs",
                table: "Certificates",
                columns: new[] { "IssuerId", "RevokedAtUs" });

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_KeyFingerprint",
                table: "Certificates",
                column: "KeyFingerprint");

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_NotAfterUs",
                table: "Certificates",
                column: "NotAfterUs");

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_TokenId",
                table: "Certificates",
                column: "TokenId");

            migrationBuilder.CreateIndex(
                name: "IX_ClaimBatches_GroupId",
                table: "ClaimBatches",
                column: "GroupId");

            migrationBuilder.CreateIndex(
                name: "IX_ClaimCertificates_BatchId",
                table: "ClaimCertificates",
                column: "BatchId");

            migrationBuilder.CreateIndex(
                name: "IX_ClaimCertificates_KeyFingerprint",
                table: "ClaimCertificates",
                column: "KeyFingerprint");

            migrationBuilder.CreateIndex(
                name: "IX_DeviceKeys_DeviceId",
                table: "DeviceKeys",
                column: "DeviceId");

            migrationBuilder.CreateIndex(
                name: "IX_Devices_GroupId",
                table: "Devices",
                column: "GroupId");

            migrationBuilder.CreateIndex(
                name: "IX_Devices_HardwareSerial",
                table: "Devices",
                column: "HardwareSerial");

            migrationBuilder.CreateIndex(
                name: "IX_IssuanceIntents_Subject_KeyFingerprint",
                table: "IssuanceIntents",
                columns: new[] { "Subject", "KeyFingerprint" });

            migrationBuilder.CreateIndex(
                name: "IX_LogLeaves_Hash",
                table: "LogLeaves",
                column: "Hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_Manufacturers_GroupId",
                table: "Manufacturers",
                column: "GroupId");

            migrationBuilder.CreateIndex(
                name: "IX_PendingEnrolments_DeviceId_KeyFingerprint",
                table: "PendingEnrolments",
                columns: new[] { "DeviceId", "KeyFingerprint" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_PendingEnrolments_GroupId_State",
                table: "PendingEnrolments",
                columns: new[] { "GroupId", "State" });

            migrationBuilder.CreateIndex(
                name: "IX_RevocationOrders_State",
                table: "RevocationOrders",
                column: "State");

            migrationBuilder.CreateIndex(
                name: "IX_ServiceCertificates_KeyFingerprint",
                table: "ServiceCertificates",
                column: "KeyFingerprint");

            migrationBuilder.CreateIndex(
                name: "IX_ServiceCertificates_ServiceName",
                table: "ServiceCertificates",
                column: "ServiceName");

            migrationBuilder.CreateIndex(
                name: "IX_TelemetryQuarantine_Code_Id",
                table: "TelemetryQuarantine",
                columns: new[] { "Code", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_TelemetryQuarantine_DeviceId_Id",
                table: "TelemetryQuarantine",
                columns: new[] { "DeviceId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Tokens_SecretHash",
                table: "Tokens",
                column: "SecretHash",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "AlertDeliveries");

            migrationBuilder.DropTable(
                name: "Alerts");

            migrationBuilder.DropTable(
                name: "AllowedSerials");

            migrationBuilder.DropTable(
                name: "ApiKeys");

            migrationBuilder.DropTable(
                name: "Audit");

            migrationBuilder.DropTable(
                name: "AuditHeads");

            migrationBuilder.DropTable(
                name: "Authorities");

            migrationBuilder.DropTable(
                name: "BlockedKeys");

            migrationBuilder.DropTable(
                name: "Certificates");

            migrationBuilder.DropTable(
                name: "ClaimCertificates");

            migrationBuilder.DropTable(
                name: "Crls");

            migrationBuilder.DropTable(
                name: "IssuanceIntents");

            migrationBuilder.DropTable(
                name: "LogCheckpoints");

            migrationBuilder.DropTable(
                name: "LogLeaves");

            migrationBuilder.DropTable(
                name: "Manufacturers");

            migrationBuilder.DropTable(
                name: "Nodes");

            migrationBuilder.DropTable(
                name: "PendingEnrolments");

            migrationBuilder.DropTable(
                name: "RevocationOrders");

            migrationBuilder.DropTable(
                name: "Revocations");

            migrationBuilder.DropTable(
                name: "Rules");

            migrationBuilder.DropTable(
                name: "ServerCertificates");

            migrationBuilder.DropTable(
                name: "ServiceCertificates");

            migrationBuilder.DropTable(
                name: "TelemetryQuarantine");

            migrationBuilder.DropTable(
                name: "TrustBundles");

            migrationBuilder.DropTable(
                name: "Webhooks");

            migrationBuilder.DropTable(
                name: "DeviceKeys");

            migrationBuilder.DropTable(
                name: "Tokens");

            migrationBuilder.DropTable(
                name: "ClaimBatches");

            migrationBuilder.DropTable(
                name: "Services");

            migrationBuilder.DropTable(
                name: "Devices");

            migrationBuilder.DropTable(
                name: "Groups");
        }
    }
}
