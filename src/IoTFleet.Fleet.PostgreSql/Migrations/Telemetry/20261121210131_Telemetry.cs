using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace IoTFleet.Fleet.PostgreSql.Migrations.Telemetry
{
    /// <inheritdoc />
    public partial class Telemetry : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // EF knows no partitions. The store makes those of the weeks; to the model it is one table.
            migrationBuilder.Sql("""
                CREATE TABLE "Telemetry" (
                    "Device" integer NOT NULL, "TimeUs" bigint NOT NULL, "Id" bigint NOT NULL, "ReceivedUs" bigint NOT NULL, "Sequence" bigint,
                    "Stream" character varying(200) COLLATE "C" NOT NULL, "ContentType" character varying(200) COLLATE "C", "Body" bytea NOT NULL,
                    CONSTRAINT "PK_Telemetry" PRIMARY KEY ("Device", "TimeUs", "Id")) PARTITION BY RANGE ("TimeUs");
                CREATE TABLE "TelemetryStrays" PARTITION OF "Telemetry" DEFAULT;
                """);

            migrationBuilder.CreateTable(
                name: "TelemetryDevices",
                columns: table => new
                {
                    Number = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    LastReceivedUs = table.Column<long>(type: "bigint", nullable: false),
                    Latest = table.Column<byte[]>(type: "bytea", nullable: false),
                    Recent = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryDevices", x => x.Number);
                });

            migrationBuilder.CreateTable(
                name: "TelemetryHours",
                columns: table => new
                {
                    Device = table.Column<int>(type: "integer", nullable: false),
                    Day = table.Column<int>(type: "integer", nullable: false),
                    Data = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryHours", x => new { x.Device, x.Day });
                });

            migrationBuilder.CreateTable(
                name: "TelemetryMinutes",
                columns: table => new
                {
                    Device = table.Column<int>(type: "integer", nullable: false),
                    Hour = table.Column<int>(type: "integer", nullable: false),
                    Data = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryMinutes", x => new { x.Device, x.Hour });
                });

            migrationBuilder.CreateTable(
                name: "TelemetryNodes",
                columns: table => new
                {
                    Ordinal = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    Node = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    MergedTo = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryNodes", x => x.Ordinal);
                });

            migrationBuilder.CreateTable(
                name: "TelemetryStale",
                columns: table => new
                {
                    Device = table.Column<int>(type: "integer", nullable: false),
                    Hour = table.Column<int>(type: "integer", nullable: false),
                    Version = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryStale", x => new { x.Device, x.Hour });
                });

            migrationBuilder.CreateIndex(
                name: "IX_TelemetryDevices_DeviceId",
                table: "TelemetryDevices",
                column: "DeviceId",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_TelemetryNodes_Node",
                table: "TelemetryNodes",
                column: "Node",
                unique: true);

            // The store's own, so the model does not know it. Compressed neither here nor in its pages: an entry lives for seconds.
            migrationBuilder.Sql("""
                CREATE TABLE "TelemetryLog" ("Id" bigint PRIMARY KEY, "Count" integer NOT NULL, "Data" bytea NOT NULL);
                ALTER TABLE "TelemetryLog" ALTER COLUMN "Data" SET STORAGE EXTERNAL;
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(name: "TelemetryLog");

            migrationBuilder.DropTable(
                name: "Telemetry");

            migrationBuilder.DropTable(
                name: "TelemetryDevices");

            migrationBuilder.DropTable(
                name: "TelemetryHours");

            migrationBuilder.DropTable(
                name: "TelemetryMinutes");

            migrationBuilder.DropTable(
                name: "TelemetryNodes");

            migrationBuilder.DropTable(
                name: "TelemetryStale");
        }
    }
}
