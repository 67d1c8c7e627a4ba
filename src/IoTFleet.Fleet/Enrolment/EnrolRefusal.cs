using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;
using static IoTFleet.Fleet.Enrolment.EnrolRefusalKind;

namespace IoTFleet.Fleet.Enrolment;

/// <summary>Every reason an enrolment is refused for. The codes are part of the product's interface.</summary>
public static class EnrolRefusal
{
    public const string RequestNotAcceptable = "request-not-acceptable";

    public static Refused TokenUnknown { get; } =
        new(Unauthorized, "token-unknown", "No such enrolment token; check it, or ask the operator for a new one.");

    public static Refused TokenRevoked { get; } =
        new(Forbidden, "token-revoked", "The enrolment token was revoked; ask the operator for a new one.");

    public static Refused TokenExpired { get; } =
        new(Forbidden, "token-expired", "The enrolment token has expired; ask the operator for a new one.");

    public static Refused TokenUsedUp { get; } =
        new(Forbidden, "token-used-up", "The enrolment token has no uses left; ask the operator for a new one.");

    public static Refused TokenOfAnotherDevice { get; } =
        new(Forbidden, "token-of-another-device", "The enrolment token is bound to another device id.");

    public static Refused DeviceSuspended { get; } =
        new(Forbidden, "device-suspended", "The device is suspended; ask the operator to resume it.");

    public static Refused DeviceRevoked { get; } =
        new(Forbidden, "device-revoked", "The device was revoked and cannot enrol again.");

    public static Refused AlreadyEnrolled { get; } =
        new(Conflict, "device-already-enrolled", "The device holds a live certificate; enrolling it anew takes a token bound to its id.");

    public static Refused KeyOfAnotherDevice { get; } =
        new(Conflict, "key-of-another-device", "The key is another device's; make a new key on each device.");
}
