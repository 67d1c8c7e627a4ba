using System.IO.Pipelines;

namespace IoTFleet.Testing;

/// <summary>Two pipes as the two ends of a connection without a socket.</summary>
public sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe
{
    public static (DuplexPipe Near, DuplexPipe Far) CreatePair()
    {
        var there = new Pipe(new PipeOptions(useSynchronizationContext: false));
        var back = new Pipe(new PipeOptions(useSynchronizationContext: false));
        return (new DuplexPipe(back.Reader, there.Writer), new DuplexPipe(there.Reader, back.Writer));
    }

    public static DuplexPipe Over(Stream stream) => new(PipeReader.Create(stream), PipeWriter.Create(stream));
}
