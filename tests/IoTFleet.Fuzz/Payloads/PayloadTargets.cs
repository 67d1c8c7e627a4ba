using System.Text;
using System.Text.Json;
using IoTFleet.Fleet.Refusals;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fuzz.Der;

namespace IoTFleet.Fuzz.Payloads;

/// <summary>
/// What devices send as telemetry, in each format. What is refused has a reason of the list; what is taken is JSON to another reader too,
/// has each name once, and can be read to its end.
/// </summary>
internal static class PayloadTargets
{
    private static readonly PayloadReader Reader = new();

    public static IReadOnlyList<DerTarget> All { get; } =
    [
        Target("json", "application/json", JsonSeeds, JsonPieces),
        Target("cbor", "application/cbor", CborSeeds, CborPieces),
        Target("sparkplug", "application/vnd.eclipse.sparkplug.b+protobuf", SparkplugSeeds, SparkplugPieces),
    ];

    private static byte[][] JsonSeeds => Texts(
        """{"ts":1769860800123,"seq":17,"temperature":21.437,"motor":{"rpm":1480,"on":true,"axis":{"x":-1e-3}},"state":"läuft \u00e4\n","none":null,"list":[1,{"a":1},"b"]}""",
        """[{"ts":"2026-01-31T12:00:00.123456+01:00","t":1},{"t":2},{}]""",
        """{"\u0061":{"\u0062":"\ud83d\ude00"},"a.c":1e308}""");

    private static byte[][] JsonPieces => Texts(
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "\\udc00", "\\u0061", "{\"a\":", "[{", "[[", "\"ts\":", "\"seq\":", "1e999", "-0", "0", "NaN", "true", "null", "\"a\":1,",
        "\"2026-01-31T23:59:60Z\"", new string('9', 400), new string('n', 257), "ä", "\uFEFF", "\0");

    private static byte[][] CborSeeds => Hexes(
        "a562747319019063736571116474656d70fb4035666666666666656d6f746f72a16372706d1905c86573746174656472756e21",
        "d9d9f79fa1617401bf62747300617402ffa0ff",
        "bf6161c249010000000000000000616bc48221196ab36162f9fc0061637f61616162ff6164c11a514b67b0ff",
        "a26174c074323031332d30332d32315432303a30343a30305a61628301f6a1617a4401020304");

    private static byte[][] CborPieces => Hexes(
        "00", "17", "18ff", "1bffffffffffffffff", "3bffffffffffffffff", "40", "5f", "7f", "60", "6161", "62c328", "80", "9f", "a0", "bf", "ff", "c0", "c1", "c2", "c3", "c4", "c5", "d9d9f7", "dbffffffffffffffff",
        "f4", "f6", "f7", "f8", "f97e00", "fa7f800000", "fb7fefffffffffffff", "1c", "5affffffff", "9bffffffffffffffff", "bb7fffffffffffffff", "a16161", "81", "627473", "63736571", "6100", "8220", "1a7fffffff");

    private static byte[][] SparkplugSeeds => Hexes(
        "08e807120b0a05537065656420035005",
        "08e80712080a0161200150c801120c0a016510092009653333ab41",
        "120c0a0162200c7a057374617465120a0a016318d00f200b700118c801",
        "12120a0164200a69000000000000f83f4a02080112070a016e20043801120c0a0174200d58fbbcb29fc133");

    private static byte[][] SparkplugPieces => Hexes(
        "08", "0a", "12", "18", "1a", "20", "38", "3801", "50", "58", "65", "69", "70", "72", "7a", "8201", "8a01", "9201", "0b", "0c", "00", "ff", "ffffffffffffffffff01", "80", "0a027473", "0a03736571", "0a00", "5080808008", "2003", "200d", "0a0161", "1203");

    private static DerTarget Target(string name, string contentType, byte[][] seeds, byte[][] pieces) => new(name, seeds, payload => Read(payload, contentType))
    {
        Damage = (payload, dice, other) => PayloadDamage.Of(payload, dice, other, pieces),
    };

    private static bool Read(byte[] payload, string contentType)
    {
        if (Reader.TryRead(new Arrival("pump-1", "", payload, contentType, DateTimeOffset.UnixEpoch), out var message, out var problem))
        {
            foreach (var reading in message.Readings) Check(reading.Body);
            return true;
        }

        if (ReasonCodes.Find(problem.Code) is null) throw new InvalidOperationException($"{problem.Code} is in no list.");
        return false;
    }

    private static void Check(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw new InvalidOperationException("It is no object.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var values = new ValueReader(body.Span); values.Read();)
        {
            var name = Encoding.UTF8.GetString(values.Name);
            if (!names.Add(name)) throw new InvalidOperationException($"{name} is there twice.");
            if (values.Kind != MetricKind.Text && !double.IsFinite(values.Number)) throw new InvalidOperationException($"{name} is no number.");
            if (values.Kind == MetricKind.Text && values.Text().Contains('\0', StringComparison.Ordinal)) throw new InvalidOperationException($"{name} holds U+0000.");
        }
    }

    private static byte[][] Texts(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    private static byte[][] Hexes(params string[] texts) => [.. texts.Select(Convert.FromHexString)];
}
