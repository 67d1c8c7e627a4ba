using static IoTFleet.Fleet.Refusals.RefusedAt;

namespace IoTFleet.Fleet.Refusals;

// What a device says of its twin and cannot be taken. Nothing else is harmed by it.
public static partial class ReasonCodes
{
    private static IEnumerable<Reason> Twins =>
    [
        Told("twin-not-json", Messaging, "What was sent to a twin's topic is not one JSON object in UTF-8.", "A report is a JSON Merge Patch; `twin/get` takes nothing or `{\"version\": 7}`."),
        Told("twin-bad-name", Messaging, "A name in a report that a twin does not take, or one name twice.", "1 to 128 bytes of UTF-8, no control character, not beginning with `$`."),
        Told("twin-bad-version", Messaging, "A version that is none.", "`$version` is the desired version that the device has applied, a whole number from 0."),
        Told("twin-too-deep", Messaging, "Objects and arrays too deep within each other.", "At most 10 levels."),
        Told("twin-too-large", Messaging, "The patch, or the document it would make, is larger than a twin may be.", "At most 32 KB and 1,000 names each; what measures belongs into telemetry."),
    ];
}
