using System.Threading.Channels;

namespace IoTFleet.Device.Link;

/// <summary>Tells the write loop that there is something to write. Rings while nobody listens are kept as one.</summary>
internal sealed class Doorbell
{
    private readonly Channel<bool> _rung = Channel.CreateBounded<bool>(new BoundedChannelOptions(1)
    {
        FullMode = BoundedChannelFullMode.DropWrite,
        SingleReader = true,
    });

    public void Ring() => _rung.Writer.TryWrite(true);

    public ValueTask<bool> WaitAsync(CancellationToken cancellation) => _rung.Reader.ReadAsync(cancellation);
}
