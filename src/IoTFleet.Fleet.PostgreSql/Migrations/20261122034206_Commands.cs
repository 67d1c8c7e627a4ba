using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace IoTFleet.Fleet.PostgreSql.Migrations
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
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    DeviceId = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    Id = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: true, collation: "C"),
                    Name = table.Column<string>(type: "character varying(63)", maxLength: 63, nullable: false, collation: "C"),
                    Payload = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Qos = table.Column<int>(type: "integer", nullable: false),
                    SentBy = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                    State = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                    CreatedAtUs = table.Column<long>(type: "bigint", nullable: false),
                    DeadlineUs = table.Column<long>(type: "bigint", nullable: false),
                    SentAtUs = table.Column<long>(type: "bigint", nullable: true),
                    DeliveredAtUs = table.Column<long>(type: "bigint", nullable: true),
                    ClosedAtUs = table.Column<long>(type: "bigint", nullable: true),
                    AnsweredAtUs = table.Column<long>(type: "bigint", nullable: true),
                    AnswerStatus = table.Column<int>(type: "integer", nullable: true),
                    AnswerPayload = table.Column<string>(type: "text", nullable: true, collation: "C")
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
