using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <param name="Certificate">DER, as the device holds it.</param>
/// <param name="Nonce">Known to be one of ours, and fresh.</param>
/// <param name="Signature">By the certificate's key: ECDSA in DER or RSA PKCS#1, over SHA-256.</param>
public sealed record ExplainCertificateRequest(ReadOnlyMemory<byte> Certificate, ReadOnlyMemory<byte> Nonce, ReadOnlyMemory<byte> Signature);

public abstract record ExplainCertificateResult
{
    private ExplainCertificateResult() { }

    /// <param name="DeviceId">Whose it is; null for one that is not known here.</param>
    /// <param name="Status"><c>ok</c>, or why it is turned away: one of <see cref="ExplainCertificate.Statuses"/>.</param>
    /// <param name="WhatToDo">For the device and whoever stands before it.</param>
    /// <param name="RetryAfter">When trying again may help; null when it will not.</param>
    public sealed record Explained(string? DeviceId, string Status, string WhatToDo, TimeSpan? RetryAfter) : ExplainCertificateResult;

    /// <summary>The signature is not the certificate's.</summary>
    public sealed record NotProven : ExplainCertificateResult;
}

/// <summary>
/// Tells a device why it is turned away. A door, so it takes no actor: who has the key of a certificate may know how it stands, and nobody else.
/// A stranger's certificate is told nothing but that it is unknown.
/// </summary>
public sealed class ExplainCertificate(IDbContextFactory<FleetDbContext> databases, AuthorityDirectory authorities, TimeProvider clock)
{
    /// <summary>Every answer there is.</summary>
    public static readonly IReadOnlyList<string> Statuses =
        ["ok", "unknown", "revoked", "clone-hold", "suspended", "superseded", "authority-removed", "clock", "expired"];

    /// <summary>Signed before the nonce, so that the signature is good for nothing else.</summary>
    public static ReadOnlySpan<byte> Purpose => "IoTFleet status v1\0"u8;

    private static readonly TimeSpan WhileSuspended = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);

    public async Task<ExplainCertificateResult> RunAsync(ExplainCertificateRequest request, CancellationToken ct)
    {
        if (!TryProve(request, out var serial)) return new ExplainCertificateResult.NotProven();
        await using var db = await databases.CreateDbContextAsync(ct);
        var deviceId = await db.Certificates.Where(c => c.Serial == serial).Select(c => c.DeviceId).SingleOrDefaultAsync(ct);
        var standing = deviceId is null ? null : await RenewalStanding.ReadAsync(db, deviceId, serial, ct);
        // A stranger can make a certificate with one of our serial numbers.
        return standing is null || !standing.Certificate.Der.AsSpan().SequenceEqual(request.Certificate.Span)
            ? new ExplainCertificateResult.Explained(null, "unknown", "This server did not issue the certificate; enrol the device.", null)
            : Explain(standing);
    }

    private ExplainCertificateResult.Explained Explain(RenewalStanding standing)
    {
        var (now, certificate) = (clock.GetUtcNow(), standing.Certificate);
        ExplainCertificateResult.Explained Is(string status, string whatToDo, TimeSpan? retryAfter = null) => new(certificate.DeviceId, status, whatToDo, retryAfter);
        return standing.FindFault(authorities.Current, now)?.Code switch
        {
            "device-revoked" => Is("revoked", "The device was revoked for good."),
            "clone-hold" => Is("clone-hold", "Two seem to hold this device's key; an operator has to look into it.", WhileSuspended),
            "device-suspended" => Is("suspended", "The device is suspended; an operator may resume it.", WhileSuspended),
            "certificate-superseded" => Is("superseded", "A newer certificate has taken this one's place; use that one, or enrol anew if it is lost."),
            "certificate-revoked" => Is("revoked", "The certificate was revoked; enrol anew."),
            "certificate-suspended" => Is("suspended", "The certificate is suspended; an operator may resume it.", WhileSuspended),
            "authority-removed" => Is("authority-removed", "The authority that issued the certificate is trusted no more; enrol anew."),
            "not-yet-valid" => Is("clock", $"The certificate begins at {certificate.NotBefore:u}, and it is {now:u} here; check the clocks.", certificate.NotBefore - now),
            "expired" => Is("expired", $"The certificate ended at {certificate.NotAfter:u}; enrol anew."),
            "grace-over" => Is("expired", $"The certificate ended at {certificate.NotAfter:u}, and its days of grace are over; enrol anew."),
            null when certificate.NotAfter.AddSeconds(1) <= now => Is("expired", $"The certificate ended at {certificate.NotAfter:u}; renew it before {certificate.NotAfter.AddDays(standing.GraceDays):u}.", Soon),
            null => Is("ok", "Nothing is wrong with the certificate; try again.", Soon),
            var code => throw new InvalidOperationException($"No explanation for {code}."),
        };
    }

    private static bool TryProve(ExplainCertificateRequest request, out string serial)
    {
        serial = "";
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificate(request.Certificate.Span);
            serial = SerialNumber.Of(certificate).Hex;
            byte[] signed = [.. Purpose, .. request.Nonce.Span];
            using var ecdsa = certificate.GetECDsaPublicKey();
            if (ecdsa is not null) return ecdsa.VerifyData(signed, request.Signature.Span, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
            using var rsa = certificate.GetRSAPublicKey();
            return rsa is not null && rsa.VerifyData(signed, request.Signature.Span, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        }
        catch (CryptographicException)
        {
            return false; // Not a certificate, or a key that nothing can be verified with.
        }
    }
}
