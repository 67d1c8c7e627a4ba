using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.SqlServer.Migrations.Telemetry
{
    /// <inheritdoc />
    public partial class Telemetry : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "Telemetry",
                columns: table => new
                {
                    Device = table.Column<int>(type: "int", nullable: false),
                    TimeUs = table.Column<long>(type: "bigint", nullable: false),
                    Id = table.Column<long>(type: "bigint", nullable: false),
                    ReceivedUs = table.Column<long>(type: "bigint", nullable: false),
                    Sequence = table.Column<long>(type: "bigint", nullable: true),
                    Stream = table.Column<string>(type: "nvarchar(200)", maxLength: 200, nullable: false, collation: "Latin1_General_100_BIN2"),
                    ContentType = table.Column<string>(type: "nvarchar(200)", maxLength: 200, nullable: true, collation: "Latin1_General_100_BIN2"),
                    Body = table.Column<byte[]>(type: "varbinary(max)", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Telemetry", x => new { x.Device, x.TimeUs, x.Id });
                });

            migrationBuilder.CreateTable(
                name: "TelemetryDevices",
                columns: table => new
                {
                    Number = table.Column<int>(type: "int", nullable: false)
                        .Annotation("SqlServer:Identity", "1, 1"),
                    DeviceId = table.Column<string>(type: "nvarchar(63)", maxLength: 63, nullable: false, collation: "Latin1_General_100_BIN2"),
                    LastReceivedUs = table.Column<long>(type: "bigint", nullable: false),
                    Latest = table.Column<byte[]>(type: "varbinary(max)", nullable: false),
                    Recent = table.Column<byte[]>(type: "varbinary(max)", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryDevices", x => x.Number);
                });

            migrationBuilder.CreateTable(
                name: "TelemetryHours",
                columns: table => new
                {
                    Device = table.Column<int>(type: "int", nullable: false),
                    Day = table.Column<int>(type: "int", nullable: false),
                    Data = table.Column<byte[]>(type: "varbinary(max)", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryHours", x => new { x.Device, x.Day });
                });

            migrationBuilder.CreateTable(
                name: "TelemetryMinutes",
                columns: table => new
                {
                    Device = table.Column<int>(type: "int", nullable: false),
                    Hour = table.Column<int>(type: "int", nullable: false),
                    Data = table.Column<byte[]>(type: "varbinary(max)", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_TelemetryMinutes", x => new { x.Device, x.Hour });
                });

            migrationBuilder.CreateTable(
                name: "TelemetryNodes",
                columns: table => new
                {
                    Ordinal = table.Column<int>(type: "int", nullable: false)
                        .Annotation("SqlServer:Identity", "1, 1"),
                    Node = table.Column<string>(type: "nvarchar(200)", maxLength: 200, nullable: false, collation: "Latin1_General_100_BIN2"),
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
                    Device = table.Column<int>(type: "int", nullable: false),
                    Hour = table.Column<int>(type: "int", nullable: false),
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

            migrationBuilder.Sql(SqlServerMerge.Tables); // The store's own, so the model does not know them.
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            foreach (var table in (string[])["TelemetryLog", "TelemetryStaging", "TelemetryStagingDevices", "TelemetryStagingStale"]) migrationBuilder.DropTable(table);

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
