using System.Net.Sockets;

namespace IoTFleet.Benchmarks.Load;

/// <summary>
/// A socket below an SslStream that sends when it is flushed. Each packet can so be a TLS record of its own, as a device writes it, while
/// many of them cost this side one system call.
/// </summary>
internal sealed class BatchStream(Socket socket) : Stream
{
    private byte[] _waiting = new byte[4096];
    private int _length;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => socket.Receive(buffer, offset, count, SocketFlags.None);

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_length + buffer.Length > _waiting.Length) Array.Resize(ref _waiting, Math.Max(_waiting.Length * 2, _length + buffer.Length));
        buffer.CopyTo(_waiting.AsSpan(_length));
        _length += buffer.Length;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return default;
    }

    public override void Flush()
    {
        for (var sent = 0; sent < _length;) sent += socket.Send(_waiting.AsSpan(sent, _length - sent));
        _length = 0;
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        var length = _length;
        for (var sent = 0; sent < length;) sent += await socket.SendAsync(_waiting.AsMemory(sent, length - sent), SocketFlags.None, cancellationToken);
        _length = 0;
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) socket.Dispose();
        base.Dispose(disposing);
    }
}
