namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Thrown where the payload turns out to be unreadable; caught by <see cref="PayloadReader"/> alone.</summary>
internal sealed class PayloadProblem(string code, string detail) : Exception(detail)
{
    public string Code => code;
}

/// <summary>Why a payload is unreadable: the whole list. What they mean is in <see cref="Refusals.ReasonCodes"/>.</summary>
internal static class PayloadCodes
{
    public const string Empty = "payload-empty";
    public const string TooLarge = "payload-too-large";
    public const string FormatUnknown = "payload-format-unknown";
    public const string BadContentType = "payload-bad-content-type";
    public const string NotUtf8 = "payload-not-utf8";
    public const string NotJson = "payload-not-json";
    public const string NotCbor = "payload-not-cbor";
    public const string NotSparkplug = "payload-not-sparkplug";
    public const string Unsupported = "payload-unsupported";
    public const string AliasUnknown = "payload-alias-unknown";
    public const string DatatypeMissing = "payload-datatype-missing";
    public const string NotObject = "payload-not-object";
    public const string TooDeep = "payload-too-deep";
    public const string TooManyReadings = "payload-too-many-readings";
    public const string TooManyValues = "payload-too-many-values";
    public const string BadTime = "payload-bad-time";
    public const string BadSequence = "payload-bad-sequence";
    public const string BadNumber = "payload-bad-number";
    public const string BadText = "payload-bad-text";
    public const string DuplicateName = "payload-duplicate-name";
    public const string NameTooLong = "payload-name-too-long";
}
