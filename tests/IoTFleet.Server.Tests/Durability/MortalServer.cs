using System.Net.Sockets;
using System.Security.Authentication;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>A server that is killed and started again on the same data, and those who look for it.</summary>
internal sealed class MortalServer(TemporaryFolder folder) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private TaskCompletionSource<ServerFile> _up = NewSource();
    private ServerProgram? _program;
    private ServerFile? _ready;

    /// <summary>Completes when a server is there.</summary>
    public Task<ServerFile> WhenUpAsync(CancellationToken done)
    {
        lock (_gate) return _up.Task.WaitAsync(done);
    }

    public async Task StartAsync()
    {
        // It lives for seconds: what the compiler would learn about its code for later is not worth the time.
        _program = ServerProgram.Start(["--data", folder.Path, "--mqtt-port", "0", "--https-port", "0"], ("DOTNET_TieredPGO", "0"), ("Commands__MaxOpenPerDevice", "100000"));
        _ready = await _program.ReadyAsync(folder.Path);
        lock (_gate) _up.SetResult(_ready);
    }

    /// <summary>Without a word: <c>kill -9</c>.</summary>
    public async Task KillAsync()
    {
        lock (_gate) _up = NewSource();
        ServerProgram.Kill(_ready!.ProcessId);
        await _program!.DisposeAsync();
        _program = null;
        File.Delete(Path.Combine(folder.Path, ServerFile.FileName));        // the next one's is another
    }

    /// <summary>What a client sees of a server that is being killed.</summary>
    public static bool IsDeath(Exception error) =>
        error is IOException or SocketException or AuthenticationException or ObjectDisposedException or InvalidOperationException or HttpRequestException or ServerUnreachableException or TaskCanceledException or TimeoutException
        || error is Xunit.Sdk.XunitException && error.Message.Contains("the connection was closed", StringComparison.Ordinal);

    public async ValueTask DisposeAsync()
    {
        if (_program is not null) await _program.DisposeAsync();
    }

    private static TaskCompletionSource<ServerFile> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
