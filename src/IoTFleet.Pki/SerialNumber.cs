using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>A certificate's serial number: positive, 16 bytes when it is one of ours, written as lower-case hex.</summary>
public sealed record SerialNumber
{
    private const int Length = 16;

    private SerialNumber(byte[] bytes) => Bytes = bytes;

    public ReadOnlyMemory<byte> Bytes { get; }
    public string Hex => Convert.ToHexStringLower(Bytes.Span);

    public static SerialNumber Create()
    {
        var bytes = new byte[Length];
        // DER drops leading zeros and reads a set top bit as a minus sign; either would change the length on the wire.
        do RandomNumberGenerator.Fill(bytes);
        while (bytes[0] is 0 or > 0x7F);
        return new SerialNumber(bytes);
    }

    public static SerialNumber Of(X509Certificate2 certificate) => new(certificate.SerialNumberBytes.ToArray());

    /// <exception cref="FormatException">The text is not hex.</exception>
    public static SerialNumber Parse(string hex) => new(Convert.FromHexString(hex));

    public bool Equals(SerialNumber? other) => other is not null && Bytes.Span.SequenceEqual(other.Bytes.Span);
    public override int GetHashCode() => Hex.GetHashCode(StringComparison.Ordinal);
    public override string ToString() => Hex;
}
