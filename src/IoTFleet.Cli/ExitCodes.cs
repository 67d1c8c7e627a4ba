namespace IoTFleet.Cli;

/// <summary>What the process's exit code says to a script.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The server answered, and refused.</summary>
    public const int Refused = 1;

    /// <summary>The command line is wrong; nothing was asked.</summary>
    public const int WrongUsage = 2;

    /// <summary>No answer came; whether anything was done is not known.</summary>
    public const int Unreachable = 3;

    /// <summary>Ctrl-C; whether anything was done is not known.</summary>
    public const int Interrupted = 130;
}

/// <summary>The server answered, and what it keeps does not hold together; the message says what.</summary>
internal sealed class UnsoundException(string message) : Exception(message);

/// <summary>The command line is wrong in a way its parser cannot see; the message says what to type.</summary>
internal sealed class UsageException(string message) : Exception(message);
