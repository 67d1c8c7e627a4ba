using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class Services : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.RenameColumn(
                name: "DeviceId",
                table: "Revocations",
                newName: "Subject");

            migrationBuilder.CreateTable(
                name: "Services",
                columns: table => new
                {
                    Name = table.Column<string>(type: "TEXT", maxLength: 63, nullable: false),
                    State = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    PublishRules = table.Column<string>(type: "TEXT", nullable: false),
                    SubscribeRules = table.Column<string>(type: "TEXT", nullable: false),
                    CreatedAtUs = table.Column<long>(type: "INTEGER", nullable: false),
                    StateChangedAtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Services", x => x.Name);
                });

            migrationBuilder.CreateTable(
                name: "ServiceCertificates",
                columns: table => new
                {
                    Serial = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    ServiceName = table.Column<string>(type: "TEXT", nullable: false),
                    KeyFingerprint = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    Der = table.Column<byte[]>(type: "BLOB", nullable: false),
                    NotBeforeUs = table.Column<long>(type: "INTEGER", nullable: false),
                    NotAfterUs = table.Column<long>(type: "INTEGER", nullable: false),
                    RevokedAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    RevocationReason = table.Column<string>(type: "TEXT", maxLength: 40, nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ServiceCertificates", x => x.Serial);
                    table.ForeignKey(
                        name: "FK_ServiceCertificates_Services_ServiceName",
                        column: x => x.ServiceName,
                        principalTable: "Services",
                        principalColumn: "Name",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "IX_ServiceCertificates_KeyFingerprint",
                table: "ServiceCertificates",
                column: "KeyFingerprint");

            migrationBuilder.CreateIndex(
                name: "IX_ServiceCertificates_ServiceName",
                table: "ServiceCertificates",
                column: "ServiceName");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "ServiceCertificates");

            migrationBuilder.DropTable(
                name: "Services");

            migrationBuilder.RenameColumn(
                name: "Subject",
                table: "Revocations",
                newName: "DeviceId");
        }
    }
}
