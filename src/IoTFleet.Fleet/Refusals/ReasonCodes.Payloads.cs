using static IoTFleet.Fleet.Refusals.RefusedAt;

namespace IoTFleet.Fleet.Refusals;

// What cannot be read as telemetry. It is in the quarantine, where its bytes can be looked at.
public static partial class ReasonCodes
{
    private static IEnumerable<Reason> Payloads =>
    [
        Told("payload-empty", Messaging, "A payload without a reading.", "Send an object, or nothing."),
        Told("payload-too-large", Messaging, "More bytes than are kept of a payload that is not read.", "See `Telemetry:MaxRawBytes`."),
        Told("payload-format-unknown", Messaging, "Not JSON, and nothing says what it is.", "Give the message a content type, or its topic a rule in `Telemetry:Formats`."),
        Told("payload-bad-content-type", Messaging, "The content type is none.", "It is like `text/plain`, in ASCII, with at most 100 characters."),
        Told("payload-not-utf8", Messaging, "A text is not valid UTF-8.", "Encode texts as UTF-8; send bytes as CBOR, or with a content type of their own."),
        Told("payload-not-json", Messaging, "Broken JSON.", "The detail names the byte; NaN, comments and trailing commas are no JSON."),
        Told("payload-not-cbor", Messaging, "Broken CBOR.", "The detail names the byte; RFC 8949 says what is well-formed."),
        Told("payload-not-sparkplug", Messaging, "Broken protobuf, or not Sparkplug B.", "Look whether the topic's rule in `Telemetry:Formats` is meant for this device."),
        Told("payload-unsupported", Messaging, "Something that has no place in a reading, as the detail says.", "Send it with a content type of its own, or give the topic the format `raw`."),
        Told("payload-alias-unknown", Messaging, "A Sparkplug metric with an alias and no name.", "Turn aliases off at the device: nothing is remembered from one payload to the next."),
        Told("payload-datatype-missing", Messaging, "A Sparkplug integer without datatype, whose sign cannot be told.", "Let the device send datatypes."),
        Told("payload-not-object", Messaging, "A reading that is no object or map.", "Values have names: send `{\"value\": 1}` instead of `1`."),
        Told("payload-too-deep", Messaging, "Objects and arrays too deep within each other.", "At most 32 levels."),
        Told("payload-too-many-readings", Messaging, "More than 1,000 readings in one message.", "Send several messages."),
        Told("payload-too-many-values", Messaging, "More than 4,096 names in one reading.", "Send several readings."),
        Told("payload-bad-time", Messaging, "A time that is none.", "`ts` is milliseconds since 1970 or an RFC 3339 date-time with zone; leave it out where the device has no clock."),
        Told("payload-bad-sequence", Messaging, "A `seq` that is no number to count by.", "It is an integer from 0, or is not there; another thing needs another name."),
        Told("payload-bad-number", Messaging, "A number that 64 bits of floating point do not hold.", "Send it as a text."),
        Told("payload-bad-text", Messaging, "Half a surrogate pair, or U+0000, in a text.", "Not every database takes it; mend it at the device."),
        Told("payload-duplicate-name", Messaging, "One name twice in a reading, also written with dots.", "Which of the two values counts is nobody's to guess."),
        Told("payload-name-too-long", Messaging, "A name, with those around it, longer than 256 bytes.", "Use shorter names."),
    ];
}
