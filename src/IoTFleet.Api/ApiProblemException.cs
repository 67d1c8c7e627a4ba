using System.Net;

namespace IoTFleet.Api;

/// <summary>The server answered, and refused. <see cref="Exception.Message"/> says what, which and what to do.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="code">The stable code.</param>
/// <param name="detail">The server's own words.</param>
public sealed class ApiProblemException(HttpStatusCode status, string code, string detail) : Exception($"{detail} ({code})")
{
    /// <summary>The HTTP status.</summary>
    public HttpStatusCode Status { get; } = status;

    /// <summary>What went wrong: one of <see cref="ProblemCodes"/>, or <c>http-NNN</c> when something other than the server answered.</summary>
    public string Code { get; } = code;

    /// <summary>What, which and what to do, in the server's words.</summary>
    public string Detail { get; } = detail;
}

/// <summary>
/// No answer came: wrong address, nothing listening, a certificate that does not lead to the trusted root, or no answer in time.
/// <see cref="Exception.Message"/> says which and what to do. The request may or may not have been carried out.
/// </summary>
/// <param name="message">What and what to do.</param>
/// <param name="innerException">What the network or TLS reported.</param>
public sealed class ServerUnreachableException(string message, Exception innerException) : Exception(message, innerException);
