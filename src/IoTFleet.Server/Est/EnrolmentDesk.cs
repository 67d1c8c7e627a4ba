using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using IoTFleet.Server.Security;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Server.Est;

/// <summary>A request for a certificate as a door has read it.</summary>
/// <param name="Label">The group addressed; null for none.</param>
/// <param name="Request">Parsed.</param>
internal sealed record EnrolmentAttempt(string? Label, SigningRequest Request)
{
    /// <summary>Who the device says it is, beside its signing request.</summary>
    public string? DeviceId { get; init; }

    /// <summary>The token that was sent beside the signing request.</summary>
    public string? Token { get; init; }
    public string? HardwareSerial { get; init; }

    /// <summary>The challenge password of what the device sent, where the request to be signed is another one.</summary>
    public string? ChallengePassword { get; init; }
    public bool KeyByServer { get; init; }

    public override string ToString() => $"{nameof(EnrolmentAttempt)} of {DeviceId ?? Request.CommonName}"; // Never the token.
}

/// <summary>
/// What EST and its JSON twin have in common: limits first, then which credential speaks, whether the request belongs to this TLS session, and then the use case.
/// </summary>
internal sealed class EnrolmentDesk(EnrolDevice enrol, EnrolmentLimits limits, AuthorityDirectory authorities, RefusalLog refusals)
{
    public static readonly Refused WrongType = new(EnrolRefusalKind.WrongType, "content-type", "The content type is not the one expected here.");
    private static readonly Refused NotBound = new(EnrolRefusalKind.BadRequest, "channel-binding-wrong",
        "The request's challenge password is neither an enrolment token nor the tls-unique of this TLS session (RFC 7030 3.5); leave it out or make the request for this session.");

    private static readonly Refused NotOnTls13 = new(EnrolRefusalKind.BadRequest, "channel-binding-tls13",
        "A request can be linked to a TLS 1.2 session only; connect with TLS 1.2, or leave the challenge password out.");

    /// <summary>Before the body is read.</summary>
    public Refused? MayAsk(HttpContext context) => Recorded(context, limits.TakeRequest(context.Connection.RemoteIpAddress), null);

    /// <summary>RSA is parsed for everybody, since only the credential tells the group, and the group whether it is accepted.</summary>
    public bool TryRead(ReadOnlyMemory<byte> der, [NotNullWhen(true)] out SigningRequest? request, [NotNullWhen(false)] out Refused? refused)
    {
        var parsed = SigningRequest.TryParse(der, new KeyRules { AllowRsa = true, WhyBlocked = WhyBlocked }, out request, out var refusal);
        refused = parsed ? null : new Refused(KindOf(refusal!.Code), refusal.Code, refusal.Problem);
        return parsed;
    }

    /// <summary>For refusals of the body itself, so that they are counted like all others.</summary>
    public Refused Refuse(HttpContext context, Refused refused, string? deviceId = null) => Recorded(context, refused, deviceId)!;

    public async Task<EnrolDeviceResult> EnrolAsync(HttpContext context, EnrolmentAttempt attempt, CancellationToken cancellationToken)
    {
        var result = await JudgeAsync(context, attempt, cancellationToken);
        if (result is Refused refused && refused != EnrolRefusal.CredentialMissing) Recorded(context, refused, attempt.DeviceId ?? attempt.Request.CommonName);
        return result;
    }

    private async Task<EnrolDeviceResult> JudgeAsync(HttpContext context, EnrolmentAttempt attempt, CancellationToken cancellationToken)
    {
        var challenge = attempt.ChallengePassword ?? attempt.Request.ChallengePassword;
        var isToken = challenge?.StartsWith(EnrolmentToken.SecretPrefix, StringComparison.Ordinal) ?? false;
        var binding = isToken ? ChannelBindingState.Absent : TlsUnique.Judge(context, challenge);
        if (FaultOf(binding) is { } unbound) return unbound;

        var (credential, fault) = CredentialOf(context, attempt.Token ?? (isToken ? challenge : null), attempt.Label);
        if (credential is null) return fault!;
        if (credential is EnrolmentCredential.Claim claim && limits.TakeClaim(claim.Serial) is { } tooMany) return tooMany;
        if (!limits.TryEnter()) return EnrolmentLimits.BusyNow();
        try
        {
            var request = RequestOf(context, attempt, credential, binding);
            return credential is EnrolmentCredential.Token ? await EnrolByTokenAsync(context, request, cancellationToken) : await enrol.RunAsync(request, cancellationToken);
        }
        finally
        {
            limits.Leave();
        }
    }

    private async Task<EnrolDeviceResult> EnrolByTokenAsync(HttpContext context, EnrolDeviceRequest request, CancellationToken cancellationToken)
    {
        var address = context.Connection.RemoteIpAddress;
        var (guess, tooManyWrong) = await limits.TakeGuessAsync(address, cancellationToken);
        if (guess is null) return tooManyWrong!;
        using (guess)
        {
            var judged = await enrol.JudgeAsync(request, cancellationToken);
            limits.Settle(guess, judged.IsTokenUnknown, address);
            return await enrol.RunAsync(judged, request, cancellationToken);
        }
    }

    /// <summary>Of a request that no token can be in.</summary>
    public static Refused? FindBindingFault(HttpContext context, string? challengePassword) => FaultOf(TlsUnique.Judge(context, challengePassword));

    private static Refused? FaultOf(ChannelBindingState binding) => binding switch
    {
        ChannelBindingState.Wrong => NotBound,
        ChannelBindingState.NotOnThisTls => NotOnTls13,
        _ => null,
    };

    /// <summary>A token that is sent goes before the certificate of the connection: whoever sends one means it.</summary>
    private static (EnrolmentCredential? Credential, Refused? Fault) CredentialOf(HttpContext context, string? token, string? label)
    {
        if (!string.IsNullOrEmpty(token)) return (new EnrolmentCredential.Token(token), null);
        var peer = PeerVerdict.Of(context);
        if (peer.Refusal is { } refusal) return (null, new Refused(EnrolRefusalKind.Forbidden, refusal.Code, refusal.Detail));
        return peer.Kind switch
        {
            PeerKind.Claim => (new EnrolmentCredential.Claim(peer.Identity ?? "", peer.Serial), null),
            PeerKind.Manufacturer => (new EnrolmentCredential.Manufacturer(peer.IssuerId, peer.HardwareSerial ?? "", Evidence(context)), null),
            PeerKind.Device => (new EnrolmentCredential.DeviceCertificate(peer.Identity ?? "", peer.Serial), null),
            _ when label is not null => (new EnrolmentCredential.Preregistered(), null),
            _ => (null, EnrolRefusal.CredentialMissing),
        };
    }

    private static EnrolDeviceRequest RequestOf(HttpContext context, EnrolmentAttempt attempt, EnrolmentCredential credential, ChannelBindingState binding) =>
        new(credential, attempt.Request)
        {
            DeviceId = attempt.DeviceId,
            GroupId = attempt.Label,
            HardwareSerial = attempt.HardwareSerial,
            Origin = PeerAddress.Of(context),
            IsChannelBound = binding == ChannelBindingState.Bound,
            KeyByServer = attempt.KeyByServer,
        };

    /// <summary>What an operator sees of the identity when asked for approval.</summary>
    private static string? Evidence(HttpContext context) => context.Connection.ClientCertificate is { } shown
        ? $"{shown.Subject}, issued by {shown.Issuer}, {shown.NotBefore.ToUniversalTime():u} to {shown.NotAfter.ToUniversalTime():u}"
        : null;

    private Refused? Recorded(HttpContext context, Refused? refused, string? deviceId)
    {
        if (refused is not null)
            refusals.Record(RefusalDoor.Enrolment, refused.Code, deviceId is not null && DeviceName.IsValid(deviceId) ? deviceId : null, PeerAddress.Of(context), refused.Detail);
        return refused;
    }

    private string? WhyBlocked(string key) =>
        authorities.Current.HasKey(key) ? "it is an authority's own" : null;

    private static EnrolRefusalKind KindOf(string code) => code switch
    {
        RequestRefusal.KeyForbidden => EnrolRefusalKind.Forbidden,
        RequestRefusal.TooLarge => EnrolRefusalKind.TooLarge,
        _ => EnrolRefusalKind.BadRequest,
    };
}
