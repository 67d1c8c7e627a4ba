namespace IoTFleet.Pki;

/// <summary>Why a signing request was turned away: a code of the list of reasons, and a line for who sent it.</summary>
public sealed record RequestRefusal(string Code, string Problem)
{
    public const string TooLarge = "request-too-large";
    public const string Unreadable = "request-unreadable";

    /// <summary>Not signed by its own key.</summary>
    public const string WrongSignature = "request-signature";

    /// <summary>Signed with an algorithm that is not accepted.</summary>
    public const string WrongAlgorithm = "request-algorithm";

    public const string KeyType = "key-type";

    /// <summary>Of an accepted kind, but no good key: a point off the curve, a modulus that can be factored.</summary>
    public const string KeyWeak = "key-weak";
    public const string KeyForbidden = "key-forbidden";
    public const string Names = "request-names";

    /// <summary>Asks for extensions that no holder of ours gets.</summary>
    public const string AsksTooMuch = "request-asks-too-much";
    public const string Attributes = "request-attributes";
}

/// <summary>Leaves the parser at the first thing that is not allowed; never leaves this assembly.</summary>
internal sealed class RequestRefused(string code, string problem) : Exception(problem)
{
    public string Code { get; } = code;
}
