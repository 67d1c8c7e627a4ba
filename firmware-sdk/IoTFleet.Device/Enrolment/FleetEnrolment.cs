using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Renewal;

namespace IoTFleet.Device.Enrolment;

/// <summary>A fleet server's own enrolment: EST's rules in JSON, and the trust bundle comes with the certificate (docs/pki.md).</summary>
internal sealed class FleetEnrolment(DeviceOptions options)
{
    private readonly ServerCall _server = new(options);

    /// <summary>Sends the signing request with whatever credential there is, over a connection that <paramref name="trust"/> has proved.</summary>
    public async Task<EnrolmentAnswer> EnrolAsync(byte[] signingRequest, SslStreamCertificateContext? own, PinnedTrust trust, CancellationToken cancellation)
    {
        var verdict = new ServerVerdict(options.Server.Authority, trust);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(options.Server, "/.well-known/iotfleet/v1/enroll"));
        request.Content = new ByteArrayContent(Body(signingRequest)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        var answer = await _server.SendAsync(request, verdict.Accept, verdict, own, cancellation);
        return answer.Status switch
        {
            HttpStatusCode.OK => Read(answer),
            HttpStatusCode.NotFound => throw Refused(answer, $"Is it a fleet server? For another EST server set {nameof(DeviceOptions.EnrolmentProtocol)}."),
            _ => EnrolmentAnswer.LaterOrNull(answer) ?? throw Refused(answer, ""),
        };
    }

    private byte[] Body(byte[] signingRequest)
    {
        var body = new Dictionary<string, string> { ["request"] = Convert.ToBase64String(signingRequest), ["deviceId"] = options.DeviceId };
        Add("token", options.EnrolmentToken);
        Add("group", options.EnrolmentGroup);
        Add("hardwareSerial", options.HardwareSerial);
        return JsonSerializer.SerializeToUtf8Bytes(body, SdkJson.Default.DictionaryStringString);

        void Add(string name, string? value)
        {
            if (value is not null)
                body[name] = value;
        }
    }

    private EnrolmentAnswer.Issued Read(ServerAnswer answer)
    {
        try
        {
            var reply = JsonSerializer.Deserialize(answer.Body, SdkJson.Default.RenewalReply);
            var certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(reply?.Certificate ?? ""));
            return new EnrolmentAnswer.Issued([certificate]) { TrustBundle = reply!.TrustBundle?.Document is { } given ? given : default(ReadOnlyMemory<byte>?) };
        }
        catch (Exception error) when (error is JsonException or FormatException or CryptographicException)
        {
            throw new DeviceException(DeviceError.EnrolmentRefused, $"{options.Server.Authority} did not answer as a fleet server does: {error.Message}. Is the address right?", error);
        }
    }

    private DeviceException Refused(ServerAnswer answer, string advice) => new(
        DeviceError.EnrolmentRefused,
        $"{options.Server.Authority} refused to enrol {options.DeviceId}, status {(int)answer.Status}{Words(answer)}. {advice}".TrimEnd());

    // The code is one of docs/reasons.md.
    private static string Words(ServerAnswer answer)
    {
        try
        {
            if (JsonSerializer.Deserialize(answer.Body, SdkJson.Default.Problem) is { Code: { } code } problem)
                return $": {code}: {problem.Detail}".TrimEnd('.', ' ');
        }
        catch (JsonException)
        {
            // Not in our words, then in its own.
        }

        return answer.Quote();
    }
}
