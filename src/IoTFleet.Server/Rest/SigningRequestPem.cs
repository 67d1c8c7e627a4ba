using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using IoTFleet.Pki;

namespace IoTFleet.Server.Rest;

/// <summary>A signing request as an operator's program sends it.</summary>
internal static class SigningRequestPem
{
    private const string Label = "CERTIFICATE REQUEST";

    public static bool TryRead(string? text, [NotNullWhen(true)] out SigningRequest? request, [NotNullWhen(false)] out string? problem)
    {
        (request, problem) = (null, $"The request must be one PEM block '{Label}'.");
        if (text is null || text.Length > 2 * SigningRequest.MaxLength || !PemEncoding.TryFind(text, out var block) || text[block.Label] != Label) return false;
        return SigningRequest.TryParse(Convert.FromBase64String(text[block.Base64Data]), out request, out problem);
    }
}
