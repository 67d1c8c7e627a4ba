using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.Sqlite.Migrations.Telemetry
{
    /// <inheritdoc />
    public partial class Telemetry : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // WITHOUT ROWID: the rows themselves lie in the order of the key, so that a device's history is read from pages side by side.
            // A JSON object is written to Body as text, which SQLite's own JSON functions read, anything else as bytes.
            migrationBuilder.Sql("""
                CREATE TABLE "Telemetry" (
                    "Device" INTEGER NOT NULL,
                    "TimeUs" INTEGER NOT NULL,
                    "Id" INTEGER NOT NULL,
                    "ReceivedUs" INTEGER NOT NULL,
                    "Sequence" INTEGER NULL,
                    "Stream" TEXT NOT NULL,
                    "ContentType" TEXT NULL,
                    "Body" BLOB NOT NULL,
                    CONSTRAINT "PK_Telemetry" PRIMARY KEY ("Device", "TimeUs", "Id")
                ) WITHOUT ROWID
                """);

            migrationBuilder.CreateTable(
                name: "TelemetryDevices",
                columns: table => new
                {
                    Number = table.Column<int>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    DeviceId = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    LastReceivedUs = table.Column<long>(type: "INTEGER", nullable: false),
                    Latest = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Recent = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryDevices", x => x.Number);
                });

            migrationBuilder.CreateTable(
                name: "TelemetryHours",
                columns: table => new
                {
                    Device = table.Column<int>(type: "INTEGER", nullable: false),
                    Day = table.Column<int>(type: "INTEGER", nullable: false),
                    Data = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryHours", x => new { x.Device, x.Day });
                });

            migrationBuilder.CreateTable(
                name: "TelemetryMinutes",
                columns: table => new
                {
                    Device = table.Column<int>(type: "INTEGER", nullable: false),
                    Hour = table.Column<int>(type: "INTEGER", nullable: false),
                    Data = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryMinutes", x => new { x.Device, x.Hour });
                });

            migrationBuilder.CreateTable(
                name: "TelemetryNodes",
                columns: table => new
                {
                    Ordinal = table.Column<int>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    Node = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    MergedTo = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryNodes", x => x.Ordinal);
                });

            migrationBuilder.Sql("""
                CREATE TABLE "TelemetryStale" (
                    "Device" INTEGER NOT NULL,
                    "Hour" INTEGER NOT NULL,
                    "Version" INTEGER NOT NULL,
                    CONSTRAINT "PK_TelemetryStale" PRIMARY KEY ("Device", "Hour")
                ) WITHOUT ROWID
                """);

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
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
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
