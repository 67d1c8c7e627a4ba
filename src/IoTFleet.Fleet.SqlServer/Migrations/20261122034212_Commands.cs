using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.SqlServer.Migrations
{
    /// <inheritdoc />
    public partial class Commands : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "Commands",
                columns: table => new
                {
                    Number = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("SqlServer:Identity", "1, 1"),
                    DeviceId = table.Column<string>(type: "nvarchar(63)", maxLength: 63, nullable: false, collation: "Latin1_General_100_BIN2"),
                    Id = table.Column<string>(type: "nvarchar(64)", maxLength: 64, nullable: true, collation: "Latin1_General_100_BIN2"),
                    Name = table.Column<string>(type: "nvarchar(63)", maxLength: 63, nullable: false, collation: "Latin1_General_100_BIN2"),
                    Payload = table.Column<string>(type: "nvarchar(max)", nullable: false, collation: "Latin1_General_100_BIN2"),
                    Qos = table.Column<int>(type: "int", nullable: false),
                    SentBy = table.Column<string>(type: "nvarchar(200)", maxLength: 200, nullable: false, collation: "Latin1_General_100_BIN2"),
                    State = table.Column<string>(type: "nvarchar(40)", maxLength: 40, nullable: false, collation: "Latin1_General_100_BIN2"),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    DeadlineUs = table.Column<long>(type: "bigint", nullable: false),
                    SentAtUs = table.Column<long>(type: "bigint", nullable: true),
                    DeliveredAtUs = table.Column<long>(type: "bigint", nullable: true),
                    ClosedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    AnsweredAtUs = table.Column<long>(type: "bigint", nullable: true),
                    AnswerStatus = table.Column<int>(type: "int", nullable: true),
                    AnswerPayload = table.Column<string>(type: "nvarchar(max)", nullable: true, collation: "Latin1_General_100_BIN2")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Commands", x => x.Number);
                });

            migrationBuilder.CreateIndex(
                name: "IX_Commands_ClosedAtUs_DeadlineUs",
                table: "Commands",
                columns: new[] { "ClosedAtUs", "DeadlineUs" });

            migrationBuilder.CreateIndex(
                name: "IX_Commands_DeviceId_ClosedAtUs",
                table: "Commands",
                columns: new[] { "DeviceId", "ClosedAtUs" });

            migrationBuilder.CreateIndex(
                name: "IX_Commands_DeviceId_Id",
                table: "Commands",
                columns: new[] { "DeviceId", "Id" },
                unique: true,
                filter: "[Id] IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "IX_Commands_DeviceId_Number",
                table: "Commands",
                columns: new[] { "DeviceId", "Number" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "Commands");
        }
    }
}
