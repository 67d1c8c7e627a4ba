namespace IoTFleet.Fleet.Enrolment;

/// <summary>What a device shows to be let in. TLS has proved the key of the certificates among them; what they may do is judged by <see cref="EnrolDevice"/>.</summary>
public abstract record EnrolmentCredential
{
    private EnrolmentCredential() { }

    /// <summary>Sent as the password of HTTP Basic or as the request's challenge password.</summary>
    public sealed record Token(string Secret) : EnrolmentCredential
    {
        public override string ToString() => nameof(Token); // Never the secret.
    }

    /// <summary>A certificate that a factory put into each device of a batch.</summary>
    /// <param name="Serial">The certificate's, lower-case hex.</param>
    public sealed record Claim(string BatchId, string Serial) : EnrolmentCredential;

    /// <summary>A device identity by its maker (IEEE 802.1AR IDevID).</summary>
    /// <param name="ManufacturerId">The registered authority that it leads to.</param>
    /// <param name="HardwareSerial">The serialNumber of its subject.</param>
    /// <param name="Evidence">Its subject, issuer and dates, for people.</param>
    public sealed record Manufacturer(string ManufacturerId, string HardwareSerial, string? Evidence = null) : EnrolmentCredential;

    /// <summary>The device's present certificate.</summary>
    public sealed record DeviceCertificate(string DeviceId, string Serial) : EnrolmentCredential;

    /// <summary>Nothing: a device that was imported or registered asks, and an operator compares its key.</summary>
    public sealed record Preregistered : EnrolmentCredential;
}
