using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class Pki : Migration
    {
        private const string CertificatesWithOptionalToken = """
            CREATE TABLE "Certificates_new" (
                "Serial" TEXT NOT NULL CONSTRAINT "PK_Certificates" PRIMARY KEY,
                "DeviceId" TEXT NOT NULL,
                "KeyFingerprint" TEXT NOT NULL,
                "TokenId" TEXT NULL,
                "Der" BLOB NOT NULL,
                "NotBeforeUs" INTEGER NOT NULL,
                "NotAfterUs" INTEGER NOT NULL,
                "RevokedAtUs" INTEGER NULL,
                "RevocationReason" TEXT NULL,
                CONSTRAINT "FK_Certificates_DeviceKeys_KeyFingerprint" FOREIGN KEY ("KeyFingerprint") REFERENCES "DeviceKeys" ("Fingerprint") ON DELETE RESTRICT,
                CONSTRAINT "FK_Certificates_Devices_DeviceId" FOREIGN KEY ("DeviceId") REFERENCES "Devices" ("Id") ON DELETE RESTRICT,
                CONSTRAINT "FK_Certificates_Tokens_TokenId" FOREIGN KEY ("TokenId") REFERENCES "Tokens" ("Id") ON DELETE RESTRICT
            );
            INSERT INTO "Certificates_new" ("Serial", "DeviceId", "KeyFingerprint", "TokenId", "Der", "NotBeforeUs", "NotAfterUs", "RevokedAtUs", "RevocationReason")
                SELECT "Serial", "DeviceId", "KeyFingerprint", "TokenId", "Der", "NotBeforeUs", "NotAfterUs", "RevokedAtUs", "RevocationReason" FROM "Certificates";
            DROP TABLE "Certificates";
            ALTER TABLE "Certificates_new" RENAME TO "Certificates";
            CREATE INDEX "IX_Certificates_DeviceId" ON "Certificates" ("DeviceId");
            CREATE INDEX "IX_Certificates_KeyFingerprint" ON "Certificates" ("KeyFingerprint");
            CREATE INDEX "IX_Certificates_TokenId" ON "Certificates" ("TokenId");
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "GroupId",
                table: "Tokens",
                type: "TEXT",
                maxLength: 63,
                nullable: false,
                defaultValue: "default");

            migrationBuilder.AddColumn<string>(
                name: "IssuerId",
                table: "ServiceCertificates",
                type: "TEXT",
                maxLength: 40,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<long>(
                name: "CloneSuspectedAtUs",
                table: "Devices",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "GroupId",
                table: "Devices",
                type: "TEXT",
                maxLength: 63,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "HardwareSerial",
                table: "Devices",
                type: "TEXT",
                maxLength: 200,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "LastConnectedAtUs",
                table: "Devices",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Tags",
                table: "Devices",
                type: "TEXT",
                nullable: false,
                defaultValue: "[]");

            migrationBuilder.AddColumn<long>(
                name: "TrustBundleVersion",
                table: "Devices",
                type: "INTEGER",
                nullable: true);

            // A certificate need not come by a token any more. By hand, because EF makes the table anew outside the transaction;
            // nothing refers to this table, so that it can be done inside.
            migrationBuilder.Sql(CertificatesWithOptionalToken);

            migrationBuilder.AddColumn<string>(
                name: "BatchId",
                table: "Certificates",
                type: "TEXT",
                maxLength: 63,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Door",
                table: "Certificates",
                type: "TEXT",
                maxLength: 40,
                nullable: false,
                defaultValue: "Token");

            migrationBuilder.AddColumn<long>(
                name: "FirstUsedAtUs",
                table: "Certificates",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "HeldAtUs",
                table: "Certificates",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "IssuerId",
                table: "Certificates",
                type: "TEXT",
                maxLength: 40,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<int>(
                name: "KeyUses",
                table: "Certificates",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<string>(
                name: "Lineage",
                table: "Certificates",
                type: "TEXT",
                maxLength: 40,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "LogIndex",
                table: "Certificates",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "PredecessorSerial",
                table: "Certificates",
                type: "TEXT",
                maxLength: 40,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Chain",
                table: "Audit",
                type: "TEXT",
                maxLength: 200,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "Hash",
                table: "Audit",
                type: "TEXT",
                maxLength: 64,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<long>(
                name: "Sequence",
                table: "Audit",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.CreateTable(
                name: "AuditHeads",
                columns: table => new
                {
                    Chain = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    Sequence = table.Column<long>(type: "INTEGER", nullable: false),
                    Hash = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_AuditHeads", x => x.Chain);
                });

            migrationBuilder.CreateTable(
                name: "Authorities",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Purpose = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Generation = table.Column<int>(type: "INTEGER", nullable: false),
                    State = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Der = table.Column<byte[]>(type: "BLOB", nullable: false),
                    KeyReference = table.Column<string>(type: "TEXT", nullable: true),
                    NotBeforeUs = table.Column<long>(type: "INTEGER", nullable: false),
                    NotAfterUs = table.Column<long>(type: "INTEGER", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    StateChangedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    RevocationReason = table.Column<string>(type: "TEXT", maxLength: 40, nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Authorities", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "BlockedKeys",
                columns: table => new
                {
                    Fingerprint = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    Reason = table.Column<string>(type: "TEXT", nullable: false),
                    AtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_BlockedKeys", x => x.Fingerprint);
                });

            migrationBuilder.CreateTable(
                name: "Crls",
                columns: table => new
                {
                    IssuerId = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Shard = table.Column<int>(type: "INTEGER", nullable: false),
                    Number = table.Column<long>(type: "INTEGER", nullable: false),
                    ThisUpdateUs = table.Column<long>(type: "INTEGER", nullable: false),
                    NextUpdateUs = table.Column<long>(type: "INTEGER", nullable: false),
                    Entries = table.Column<int>(type: "INTEGER", nullable: false),
                    Der = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Crls", x => new { x.IssuerId, x.Shard });
                });

            migrationBuilder.CreateTable(
                name: "Groups",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    Description = table.Column<string>(type: "TEXT", maxLength: 200, nullable: true),
                    Ways = table.Column<int>(type: "INTEGER", maxLength: 40, nullable: false),
                    Closed = table.Column<bool>(type: "INTEGER", nullable: false),
                    Approval = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    MaxPending = table.Column<int>(type: "INTEGER", nullable: false),
                    MaxDevices = table.Column<int>(type: "INTEGER", nullable: true),
                    Enrolled = table.Column<int>(type: "INTEGER", nullable: false),
                    MaxPerHour = table.Column<int>(type: "INTEGER", nullable: true),
                    OpensAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    ClosesAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    IdPattern = table.Column<string>(type: "TEXT", maxLength: 200, nullable: true),
                    OnlyListedSerials = table.Column<bool>(type: "INTEGER", nullable: false),
                    Tags = table.Column<string>(type: "TEXT", nullable: false),
                    CertificateDays = table.Column<int>(type: "INTEGER", nullable: true),
                    CertificateMinutes = table.Column<int>(type: "INTEGER", nullable: true),
                    GraceDays = table.Column<int>(type: "INTEGER", nullable: false),
                    KeyReuseLimit = table.Column<int>(type: "INTEGER", nullable: false),
                    RequireChannelBinding = table.Column<bool>(type: "INTEGER", nullable: false),
                    ServerKeyGeneration = table.Column<bool>(type: "INTEGER", nullable: false),
                    AllowRsa = table.Column<bool>(type: "INTEGER", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Groups", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "IssuanceIntents",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Profile = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Subject = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    KeyFingerprint = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    IssuerId = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Door = table.Column<string>(type: "TEXT", maxLength: 40, nullable: true),
                    TokenId = table.Column<string>(type: "TEXT", nullable: true),
                    BatchId = table.Column<string>(type: "TEXT", nullable: true),
                    TbsHash = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    AtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_IssuanceIntents", x => x.Serial);
                });

            migrationBuilder.CreateTable(
                name: "LogCheckpoints",
                columns: table => new
                {
                    Size = table.Column<long>(type: "INTEGER", nullable: false),
                    RootHash = table.Column<byte[]>(type: "BLOB", maxLength: 32, nullable: false),
                    Note = table.Column<string>(type: "TEXT", nullable: false),
                    AtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_LogCheckpoints", x => x.Size);
                });

            migrationBuilder.CreateTable(
                name: "LogLeaves",
                columns: table => new
                {
                    Index = table.Column<long>(type: "INTEGER", nullable: false),
                    Hash = table.Column<byte[]>(type: "BLOB", maxLength: 32, nullable: false),
                    Serial = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    AtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_LogLeaves", x => x.Index);
                });

            migrationBuilder.CreateTable(
                name: "Nodes",
                columns: table => new
                {
                    Node = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    Sequence = table.Column<long>(type: "INTEGER", nullable: false),
                    SeenAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    StartedAtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Nodes", x => x.Node);
                });

            migrationBuilder.CreateTable(
                name: "ServerCertificates",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    IssuerId = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Profile = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Subject = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    Der = table.Column<byte[]>(type: "BLOB", nullable: false),
                    NotBeforeUs = table.Column<long>(type: "INTEGER", nullable: false),
                    NotAfterUs = table.Column<long>(type: "INTEGER", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    RevocationReason = table.Column<string>(type: "TEXT", maxLength: 40, nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ServerCertificates", x => x.Serial);
                });

            migrationBuilder.CreateTable(
                name: "TrustBundles",
                columns: table => new
                {
                    Version = table.Column<long>(type: "INTEGER", nullable: false),
                    Document = table.Column<byte[]>(type: "BLOB", nullable: false),
                    SignerId = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    CreatedAtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TrustBundles", x => x.Version);
                });

            migrationBuilder.CreateTable(
                name: "AllowedSerials",
                columns: table => new
                {
                    GroupId = table.Column<string>(type: "TEXT", nullable: false),
                    Serial = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    DeviceId = table.Column<string>(type: "TEXT", maxLength: 63, nullable: true),
                    UsedBy = table.Column<string>(type: "TEXT", maxLength: 63, nullable: true)
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
                    Id = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    GroupId = table.Column<string>(type: "TEXT", nullable: false),
                    Quota = table.Column<int>(type: "INTEGER", nullable: false),
                    Used = table.Column<int>(type: "INTEGER", nullable: false),
                    OpensAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    ClosesAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "INTEGER", nullable: true)
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
                    Id = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    GroupId = table.Column<string>(type: "TEXT", nullable: false),
                    Name = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    Der = table.Column<byte[]>(type: "BLOB", nullable: false),
                    State = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Challenge = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    CreatedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    RegisteredAtUs = table.Column<long>(type: "INTEGER", nullable: true)
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
                    Id = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    GroupId = table.Column<string>(type: "TEXT", nullable: false),
                    DeviceId = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    KeyFingerprint = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    Door = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    CredentialId = table.Column<string>(type: "TEXT", nullable: true),
                    HardwareSerial = table.Column<string>(type: "TEXT", maxLength: 200, nullable: true),
                    Origin = table.Column<string>(type: "TEXT", nullable: true),
                    Evidence = table.Column<string>(type: "TEXT", nullable: true),
                    State = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    AskedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    LastAskedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    DecidedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    DecidedBy = table.Column<string>(type: "TEXT", nullable: true)
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
                name: "ClaimCertificates",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    BatchId = table.Column<string>(type: "TEXT", nullable: false),
                    KeyFingerprint = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    IssuerId = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Der = table.Column<byte[]>(type: "BLOB", nullable: false),
                    NotBeforeUs = table.Column<long>(type: "INTEGER", nullable: false),
                    NotAfterUs = table.Column<long>(type: "INTEGER", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    RevocationReason = table.Column<string>(type: "TEXT", maxLength: 40, nullable: true)
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
                columns: new[] { "Id", "AllowRsa", "Approval", "CertificateDays", "CertificateMinutes", "Closed", "ClosesAtUs", "CreatedAtUs", "Description", "Enrolled", "GraceDays", "IdPattern", "KeyReuseLimit", "MaxDevices", "MaxPending", "MaxPerHour", "OnlyListedSerials", "OpensAtUs", "RequireChannelBinding", "ServerKeyGeneration", "Tags", "Ways" },
                values: new object[] { "default", false, "Automatic", null, null, false, null, 0L, null, 0, 0, null, 0, null, 1000, null, false, null, false, false, "[]", 1 });

            migrationBuilder.CreateIndex(
                name: "IX_Devices_GroupId",
                table: "Devices",
                column: "GroupId");

            migrationBuilder.CreateIndex(
                name: "IX_Devices_HardwareSerial",
                table: "Devices",
                column: "HardwareSerial");

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_BatchId",
                table: "Certificates",
                column: "BatchId");

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_IssuerId_RevokedAtUs",
                table: "Certificates",
                columns: new[] { "IssuerId", "RevokedAtUs" });

            migrationBuilder.CreateIndex(
                name: "IX_Certificates_NotAfterUs",
                table: "Certificates",
                column: "NotAfterUs");

            migrationBuilder.CreateIndex(
                name: "IX_Audit_Chain_Sequence",
                table: "Audit",
                columns: new[] { "Chain", "Sequence" });

            migrationBuilder.CreateIndex(
                name: "IX_Authorities_Purpose_Generation",
                table: "Authorities",
                columns: new[] { "Purpose", "Generation" },
                unique: true);

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
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "AllowedSerials");

            migrationBuilder.DropTable(
                name: "AuditHeads");

            migrationBuilder.DropTable(
                name: "Authorities");

            migrationBuilder.DropTable(
                name: "BlockedKeys");

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
                name: "ServerCertificates");

            migrationBuilder.DropTable(
                name: "TrustBundles");

            migrationBuilder.DropTable(
                name: "ClaimBatches");

            migrationBuilder.DropTable(
                name: "Groups");

            migrationBuilder.DropIndex(
                name: "IX_Devices_GroupId",
                table: "Devices");

            migrationBuilder.DropIndex(
                name: "IX_Devices_HardwareSerial",
                table: "Devices");

            migrationBuilder.DropIndex(
                name: "IX_Certificates_BatchId",
                table: "Certificates");

            migrationBuilder.DropIndex(
                name: "IX_Certificates_IssuerId_RevokedAtUs",
                table: "Certificates");

            migrationBuilder.DropIndex(
                name: "IX_Certificates_NotAfterUs",
                table: "Certificates");

            migrationBuilder.DropIndex(
                name: "IX_Audit_Chain_Sequence",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "GroupId",
                table: "Tokens");

            migrationBuilder.DropColumn(
                name: "IssuerId",
                table: "ServiceCertificates");

            migrationBuilder.DropColumn(
                name: "CloneSuspectedAtUs",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "GroupId",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "HardwareSerial",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "LastConnectedAtUs",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "Tags",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "TrustBundleVersion",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "BatchId",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "Door",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "FirstUsedAtUs",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "HeldAtUs",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "IssuerId",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "KeyUses",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "Lineage",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "LogIndex",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "PredecessorSerial",
                table: "Certificates");

            migrationBuilder.DropColumn(
                name: "Chain",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "Hash",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "Sequence",
                table: "Audit");

            // TokenId stays optional: which token a renewal should have had, nobody knows.
        }
    }
}
