using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.SqlServer.Migrations
{
    /// <inheritdoc />
    public partial class WebhookRotation : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<byte[]>(
                name: "OldProtectedSecret",
                table: "Webhooks",
                type: "varbinary(max)",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "OldSecretUntilUs",
                table: "Webhooks",
                type: "bigint",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "OldProtectedSecret",
                table: "Webhooks");

            migrationBuilder.DropColumn(
                name: "OldSecretUntilUs",
                table: "Webhooks");
        }
    }
}
