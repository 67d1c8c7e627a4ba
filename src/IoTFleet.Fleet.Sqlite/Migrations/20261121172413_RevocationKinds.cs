using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class RevocationKinds : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "IssuerId",
                table: "Revocations",
                type: "TEXT",
                maxLength: 40,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "DevicesHeldAtUs",
                table: "ClaimBatches",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "DevicesRevokedAtUs",
                table: "ClaimBatches",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "HeldAtUs",
                table: "ClaimBatches",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "RevocationOrders",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    Target = table.Column<string>(type: "TEXT", nullable: false),
                    Reason = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Count = table.Column<int>(type: "INTEGER", nullable: false),
                    Suspended = table.Column<string>(type: "TEXT", nullable: true),
                    State = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    RequestedBy = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    RequestedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    DecidedBy = table.Column<string>(type: "TEXT", maxLength: 200, nullable: true),
                    DecidedAtUs = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_RevocationOrders", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_RevocationOrders_State",
                table: "RevocationOrders",
                column: "State");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "RevocationOrders");

            migrationBuilder.DropColumn(
                name: "IssuerId",
                table: "Revocations");

            migrationBuilder.DropColumn(
                name: "DevicesHeldAtUs",
                table: "ClaimBatches");

            migrationBuilder.DropColumn(
                name: "DevicesRevokedAtUs",
                table: "ClaimBatches");

            migrationBuilder.DropColumn(
                name: "HeldAtUs",
                table: "ClaimBatches");
        }
    }
}
