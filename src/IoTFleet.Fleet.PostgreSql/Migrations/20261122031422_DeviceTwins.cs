using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.PostgreSql.Migrations
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
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    DesiredVersion = table.Column<long>(type: "bigint", nullable: false),
                    DesiredChangedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    ReportedVersion = table.Column<long>(type: "bigint", nullable: false),
                    ReportedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    AppliedVersion = table.Column<long>(type: "bigint", nullable: false),
                    InSync = table.Column<bool>(type: "boolean", nullable: false),
                    Revision = table.Column<long>(type: "bigint", nullable: false),
                    Desired = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Reported = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    History = table.Column<string>(type: "text", nullable: false, collation: "C")
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
