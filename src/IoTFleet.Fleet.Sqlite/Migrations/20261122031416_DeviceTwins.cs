using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class DeviceTwins : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "Twins",
                columns: table => new
                {
                    DeviceId = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    DesiredVersion = table.Column<long>(type: "INTEGER", nullable: false),
                    DesiredChangedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    ReportedVersion = table.Column<long>(type: "INTEGER", nullable: false),
                    ReportedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    AppliedVersion = table.Column<long>(type: "INTEGER", nullable: false),
                    InSync = table.Column<bool>(type: "INTEGER", nullable: false),
                    Revision = table.Column<long>(type: "INTEGER", nullable: false),
                    Desired = table.Column<string>(type: "TEXT", nullable: false),
                    Reported = table.Column<string>(type: "TEXT", nullable: false),
                    History = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Twins", x => x.DeviceId);
                    table.ForeignKey(
                        name: "FK_Twins_Devices_DeviceId",
                        column: x => x.DeviceId,
                        principalTable: "Devices",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "IX_Twins_InSync_DeviceId",
                table: "Twins",
                columns: new[] { "InSync", "DeviceId" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "Twins");
        }
    }
}
