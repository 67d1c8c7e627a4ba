using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace IoTFleet.Fleet.Sqlite.Migrations.Sessions
{
    /// <inheritdoc />
    public partial class Sessions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "Deliveries",
                columns: table => new
                {
                    Session = table.Column<long>(type: "INTEGER", nullable: false),
                    Position = table.Column<long>(type: "INTEGER", nullable: false),
                    PacketId = table.Column<int>(type: "INTEGER", nullable: false),
                    Released = table.Column<bool>(type: "INTEGER", nullable: false),
                    Shared = table.Column<string>(type: "TEXT", nullable: true),
                    Packet = table.Column<byte[]>(type: "BLOB", nullable: false),
                    PublishedQos = table.Column<byte>(type: "INTEGER", nullable: false),
                    PublishedRetain = table.Column<bool>(type: "INTEGER", nullable: false),
                    Publisher = table.Column<string>(type: "TEXT", nullable: true),
                    ReceivedAtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Deliveries", x => new { x.Session, x.Position });
                });

            migrationBuilder.CreateTable(
                name: "Inbound",
                columns: table => new
                {
                    Session = table.Column<long>(type: "INTEGER", nullable: false),
                    PacketId = table.Column<int>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Inbound", x => new { x.Session, x.PacketId });
                });

            migrationBuilder.CreateTable(
                name: "Retained",
                columns: table => new
                {
                    Topic = table.Column<string>(type: "TEXT", nullable: false),
                    Packet = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Publisher = table.Column<string>(type: "TEXT", nullable: true),
                    ReceivedAtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Retained", x => x.Topic);
                });

            migrationBuilder.CreateTable(
                name: "Sessions",
                columns: table => new
                {
                    Number = table.Column<long>(type: "INTEGER", nullable: false),
                    ClientId = table.Column<string>(type: "TEXT", nullable: false),
                    ExpiryUs = table.Column<long>(type: "INTEGER", nullable: false),
                    ExpiresAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    SentUpTo = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Sessions", x => x.Number);
                });

            migrationBuilder.CreateTable(
                name: "Subscriptions",
                columns: table => new
                {
                    Session = table.Column<long>(type: "INTEGER", nullable: false),
                    Filter = table.Column<string>(type: "TEXT", nullable: false),
                    Qos = table.Column<byte>(type: "INTEGER", nullable: false),
                    NoLocal = table.Column<bool>(type: "INTEGER", nullable: false),
                    RetainAsPublished = table.Column<bool>(type: "INTEGER", nullable: false),
                    RetainHandling = table.Column<byte>(type: "INTEGER", nullable: false),
                    Identifier = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Subscriptions", x => new { x.Session, x.Filter });
                });

            migrationBuilder.CreateTable(
                name: "Wills",
                columns: table => new
                {
                    Number = table.Column<long>(type: "INTEGER", nullable: false),
                    Session = table.Column<long>(type: "INTEGER", nullable: false),
                    ClientId = table.Column<string>(type: "TEXT", nullable: false),
                    DelayUs = table.Column<long>(type: "INTEGER", nullable: false),
                    DueAtUs = table.Column<long>(type: "INTEGER", nullable: true),
                    Packet = table.Column<byte[]>(type: "BLOB", nullable: false),
                    ReceivedAtUs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Wills", x => x.Number);
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "Deliveries");

            migrationBuilder.DropTable(
                name: "Inbound");

            migrationBuilder.DropTable(
                name: "Retained");

            migrationBuilder.DropTable(
                name: "Sessions");

            migrationBuilder.DropTable(
                name: "Subscriptions");

            migrationBuilder.DropTable(
                name: "Wills");
        }
    }
}
