using IoTFleet.Mqtt;

namespace IoTFleet.Device;

/// <summary>What went wrong, in words a program can act on.</summary>
public enum DeviceError
{
    /// <summary>A setting in <see cref="DeviceOptions"/> is missing or out of range.</summary>
    OptionsNotValid,

    /// <summary>The key store cannot be read or written, or what it holds is damaged.</summary>
    KeyStoreFailed,

    /// <summary>The key store holds the identity of another device or of another fleet, or one that has expired.</summary>
    IdentityNotUsable,

    /// <summary>The server did not prove to be the one whose root fingerprint was given.</summary>
    ServerNotTrusted,

    /// <summary>The server answered the enrolment with a refusal; trying again will not help.</summary>
    EnrolmentRefused,

    /// <summary>The server refused this one message; <see cref="DeviceException.Reason"/> holds its reason code.</summary>
    PublishRefused,

    /// <summary>A trust bundle is damaged, older than the one held, or not signed by whom the device believes; what it believed before stays.</summary>
    TrustBundleRefused,

    /// <summary>The outbox on the disk cannot be opened, written or read back; the message says what to do.</summary>
    OutboxFailed,

    /// <summary>The message is no longer held: by its stream's <see cref="StreamPolicy"/> it was too old, or gave way when there was no room.</summary>
    Dropped,

    /// <summary>A command's handler has thrown, or its answer was refused or could not be kept; told to <see cref="DeviceOptions.TroubleMet"/>.</summary>
    CommandFailed,

    /// <summary>The client was disposed before the operation completed.</summary>
    Stopped,

    /// <summary>The server refused to renew the certificate, which goes on being used; the device asks again until it ends. <see cref="DeviceOptions.TroubleMet"/> is told.</summary>
    RenewalRefused,
}

/// <summary>An error of the SDK. The message says what failed, which, and what to do about it.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>An error with its kind and a message for people.</summary>
    public DeviceException(DeviceError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>A message that the server refused with a PUBACK reason code (MQTT 5.0 section 3.4.2.1).</summary>
    public DeviceException(ReasonCode reason, string message)
        : base(message)
    {
        Error = DeviceError.PublishRefused;
        Reason = reason;
    }

    /// <summary>What went wrong.</summary>
    public DeviceError Error { get; }

    /// <summary>The server's reason code when <see cref="Error"/> is <see cref="DeviceError.PublishRefused"/>, otherwise null.</summary>
    public ReasonCode? Reason { get; }
}
