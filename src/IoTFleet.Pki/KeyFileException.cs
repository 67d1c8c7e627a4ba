namespace IoTFleet.Pki;

/// <summary>A key or certificate file cannot be used. The message is one line: which file, what is wrong, what to do.</summary>
public sealed class KeyFileException(string file, string problem, string remedy, Exception? cause = null)
    : Exception($"{file} {problem}; {remedy}.", cause)
{
    public string File { get; } = file;
}
