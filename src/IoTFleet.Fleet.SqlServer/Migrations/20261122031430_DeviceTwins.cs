using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.SqlServer.Migrations
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
                    DeviceId = table.Column<string>(type: "nvarchar(63)", maxLength: 63, nullable: false, collation: "Latin1_General_100_BIN2"),
                    DesiredVersion = table.Column<long>(type: "bigint", nullable: false),
                    DesiredChangedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    ReportedVersion = table.Column<long>(type: "bigint", nullable: false),
                    ReportedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    AppliedVersion = table.Column<long>(type: "bigint", nullable: false),
                    InSync = table.Column<bool>(type: "bit", nullable: false),
                    Revision = table.Column<long>(type: "bigint", nullable: false),
                    Desired = table.Column<string>(type: "nvarchar(max)", nullable: false, collation: "Latin1_General_100_BIN2"),
                    Reported = table.Column<string>(type: "nvarchar(max)", nullable: false, collation: "Latin1_General_100_BIN2"),
                    History = table.Column<string>(type: "nvarchar(max)", nullable: false, collation: "Latin1_General_100_BIN2")
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
