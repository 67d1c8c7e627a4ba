using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.Sqlite.Migrations
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
                    Number = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    DeviceId = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    Id = table.Column<string>(type: "TEXT", maxLength: 64, nullable: true),
                    Name = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    Payload = table.Column<string>(type: "TEXT", nullable: false),
                    Qos = table.Column<int>(type: "INTEGER", nullable: false),
                    SentBy = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    State = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    CreatedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    DeadlineUs = table.Column<long>(type: "INTEGER", nullable: false),
                    SentAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    DeliveredAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    ClosedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    AnsweredAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    AnswerStatus = table.Column<int>(type: "INTEGER", nullable: true),
                    AnswerPayload = table.Column<string>(type: "TEXT", nullable: true)
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
                unique: true);

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
