namespace IoTFleet.Api;

/// <summary>The body of every error, <c>application/problem+json</c> (RFC 9457) with one member of our own, <see cref="Code"/>.</summary>
public sealed record ApiProblem
{
    /// <summary>The media type of an error's body.</summary>
    public const string MediaType = "application/problem+json";

    /// <summary>The HTTP status, repeated.</summary>
    public required int Status { get; init; }

    /// <summary>What went wrong, for people; may change between versions.</summary>
    public required string Title { get; init; }

    /// <summary>What, which, and what to do.</summary>
    public string? Detail { get; init; }

    /// <summary>What went wrong, for programs: one of <see cref="ProblemCodes"/>; never changes its meaning.</summary>
    public required string Code { get; init; }
}

/// <summary>The stable values of <see cref="ApiProblem.Code"/>.</summary>
public static class ProblemCodes
{
    /// <summary>400: a field or parameter is missing, malformed or out of range; the detail names it.</summary>
    public const string InvalidRequest = "invalid-request";

    /// <summary>400: the device id is not <c>[a-z0-9][a-z0-9._-]{0,62}</c>, not ending with a dot.</summary>
    public const string InvalidDeviceId = "invalid-device-id";

    /// <summary>400: the cursor is not one that this list gave out.</summary>
    public const string InvalidCursor = "invalid-cursor";

    /// <summary>401: the API key is missing, unknown or revoked.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>403: the key's role may not do this.</summary>
    public const string Forbidden = "forbidden";

    /// <summary>404: no such device.</summary>
    public const string DeviceNotFound = "device-not-found";

    /// <summary>404: the device has no such command, or it was forgotten.</summary>
    public const string CommandNotFound = "command-not-found";

    /// <summary>409: the device has another command of this id.</summary>
    public const string CommandIdTaken = "command-id-taken";

    /// <summary>409: the command is answered or expired already.</summary>
    public const string CommandOver = "command-over";

    /// <summary>429: the device has as many open commands as it may.</summary>
    public const string TooManyCommands = "too-many-commands";

    /// <summary>404: no such token.</summary>
    public const string TokenNotFound = "token-not-found";

    /// <summary>404: no such enrolment group.</summary>
    public const string GroupNotFound = "group-not-found";

    /// <summary>409: an enrolment group of that name exists.</summary>
    public const string GroupExists = "group-exists";

    /// <summary>404: no such claim batch.</summary>
    public const string BatchNotFound = "batch-not-found";

    /// <summary>409: a claim batch of that name exists.</summary>
    public const string BatchExists = "batch-exists";

    /// <summary>409: the claim batch is revoked or its window is over.</summary>
    public const string BatchOver = "batch-over";

    /// <summary>409: the fleet has no authority for claim certificates yet.</summary>
    public const string NoClaimAuthority = "no-claim-authority";

    /// <summary>404: no such manufacturer.</summary>
    public const string ManufacturerNotFound = "manufacturer-not-found";

    /// <summary>409: the certificate does not prove that its sender has the manufacturer's key.</summary>
    public const string ProofWrong = "proof-wrong";

    /// <summary>404: no such request waits for approval.</summary>
    public const string ApprovalNotFound = "approval-not-found";

    /// <summary>409: the request was approved or rejected before.</summary>
    public const string DecidedBefore = "decided-before";

    /// <summary>404: it is not in the quarantine, or no longer.</summary>
    public const string QuarantinedNotFound = "quarantined-not-found";

    /// <summary>404: the device has sent no telemetry.</summary>
    public const string TelemetryNotFound = "telemetry-not-found";

    /// <summary>404: no such rule.</summary>
    public const string RuleNotFound = "rule-not-found";

    /// <summary>409: a rule of that name exists.</summary>
    public const string RuleExists = "rule-exists";

    /// <summary>404: no such alert, or no longer.</summary>
    public const string AlertNotFound = "alert-not-found";

    /// <summary>409: the alert is closed.</summary>
    public const string AlertClosed = "alert-closed";

    /// <summary>404: no such webhook.</summary>
    public const string WebhookNotFound = "webhook-not-found";

    /// <summary>409: a webhook of that name exists.</summary>
    public const string WebhookExists = "webhook-exists";

    /// <summary>409: the secret before the last rotation still signs, too.</summary>
    public const string WebhookRotating = "webhook-rotating";

    /// <summary>404: no such delivery, or no longer.</summary>
    public const string DeliveryNotFound = "delivery-not-found";

    /// <summary>409: a device of that id exists.</summary>
    public const string DeviceExists = "device-exists";

    /// <summary>409: the device's state does not allow this; the detail names the state.</summary>
    public const string DeviceNotActive = "device-not-active";

    /// <summary>The device is in another state than suspended.</summary>
    public const string DeviceNotSuspended = "device-not-suspended";

    /// <summary>409: the device is revoked, which is for good.</summary>
    public const string DeviceRevoked = "device-revoked";

    /// <summary>400: the twin's document or patch is not taken; the detail says why.</summary>
    public const string TwinRefused = "twin-refused";

    /// <summary>412: the desired document is at another version than the one that was asked for.</summary>
    public const string TwinChanged = "twin-changed";

    /// <summary>404: no such certificate.</summary>
    public const string CertificateNotFound = "certificate-not-found";

    /// <summary>409: the certificate is revoked, which is for good.</summary>
    public const string CertificateRevoked = "certificate-revoked";

    /// <summary>409: the claim batch is revoked, which is for good.</summary>
    public const string BatchRevoked = "batch-revoked";

    /// <summary>404: no such authority.</summary>
    public const string AuthorityNotFound = "authority-not-found";

    /// <summary>409: the authority is revoked already.</summary>
    public const string AuthorityRevoked = "authority-revoked";

    /// <summary>409: the number confirmed is not the number it concerns; nothing was changed.</summary>
    public const string CountMismatch = "count-mismatch";

    /// <summary>409: whoever asked for it cannot also confirm it.</summary>
    public const string SecondOperatorRequired = "second-operator-required";

    /// <summary>404: nothing of that id waits for a second operator.</summary>
    public const string OrderNotFound = "order-not-found";

    /// <summary>404: no such service.</summary>
    public const string ServiceNotFound = "service-not-found";

    /// <summary>409: a service of that name exists, or existed.</summary>
    public const string ServiceExists = "service-exists";

    /// <summary>409: the service is revoked, which is for good.</summary>
    public const string ServiceRevoked = "service-revoked";

    /// <summary>409: the key of the signing request is a device's or another service's.</summary>
    public const string KeyInUse = "key-in-use";

    /// <summary>409: the fleet has no authority for services yet; the detail says how it gets one.</summary>
    public const string NoServiceAuthority = "no-service-authority";

    /// <summary>409: the step does not follow from the authority's state; the detail names it.</summary>
    public const string AuthorityState = "authority-state";

    /// <summary>409: a root's revocation list must have a higher number than the one before.</summary>
    public const string CrlNotNewer = "crl-not-newer";

    /// <summary>409: the step is too early; the detail says whom it would shut out, and whether force helps.</summary>
    public const string AuthorityNotReady = "authority-not-ready";

    /// <summary>400: the path speaks MQTT over WebSockets and nothing else.</summary>
    public const string WebSocketExpected = "websocket-expected";

    /// <summary>400: the WebSocket does not ask for the subprotocol <c>mqtt</c>.</summary>
    public const string SubprotocolRequired = "subprotocol-required";

    /// <summary>403: the request came without a client certificate.</summary>
    public const string CertificateRequired = "certificate-required";

    /// <summary>403: a web page of another origin asked.</summary>
    public const string OriginNotAllowed = "origin-not-allowed";

    /// <summary>404: the certificate is not in the log of issued certificates.</summary>
    public const string NotInLog = "not-in-log";

    /// <summary>503: the log's rows are not those it has signed for.</summary>
    public const string LogDamaged = "log-damaged";

    /// <summary>404: the server has nothing at this path; its version may be older than the client's.</summary>
    public const string NotFound = "not-found";

    /// <summary>500: the server failed; its log says why.</summary>
    public const string InternalError = "internal-error";

    /// <summary>503: the server cannot ask its database just now; try again after the time of Retry-After.</summary>
    public const string DatabaseUnavailable = "database-unavailable";

    /// <summary>503: the server is starting or stopping; try again.</summary>
    public const string Unavailable = "unavailable";
}
