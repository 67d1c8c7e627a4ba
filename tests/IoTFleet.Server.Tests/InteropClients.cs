using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace IoTFleet.Server.Tests;

/// <summary>Clients of another library in a program of their own, by one of the scripts in tests/interop, which say how they are spoken to.</summary>
internal sealed class InteropClients : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task _reading;
    private readonly ConcurrentDictionary<(string Client, string Kind), Channel<JsonElement>> _said = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private InteropClients(string program, string script)
    {
        var start = new ProcessStartInfo(program, [script]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => _errors.Enqueue(line.Data ?? "");
        _process.BeginErrorReadLine();
        _reading = ReadAsync();
    }

    public static InteropClients Start(string program, string script) => new(program, Repository.PathTo($"tests/interop/{script}"));

    /// <summary>Has the client do something and returns its answer.</summary>
    public async Task<JsonElement> DoAsync(string client, string what, JsonObject? how = null)
    {
        await BeginAsync(client, what, how);
        return await NextAsync(client, "answer");
    }

    /// <summary>As <see cref="DoAsync"/>, where no answer can come.</summary>
    public async Task BeginAsync(string client, string what, JsonObject? how = null)
    {
        var command = how ?? [];
        (command["client"], command["do"]) = (client, what);
        await _process.StandardInput.WriteLineAsync(command.ToJsonString());
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>The next message that came to the client.</summary>
    public Task<JsonElement> MessageAsync(string client) => NextAsync(client, "message");

    /// <summary>The code with which the server ended the client's connection; null when it gave none.</summary>
    public async Task<int?> EndAsync(string client) => Code(await NextAsync(client, "end"));

    public static int? Code(JsonElement said) => said.GetProperty("code") is { ValueKind: JsonValueKind.Number } code ? code.GetInt32() : null;

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task<JsonElement> NextAsync(string client, string kind)
    {
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            return await Said(client, kind).Reader.ReadAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Client {client} gave no {kind} within {Patience.TotalSeconds:0} s. {string.Join('\n', _errors)}");
        }
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            var said = JsonElement.Parse(line);
            Said(said.GetProperty("client").GetString()!, said.GetProperty("kind").GetString()!).Writer.TryWrite(said);
        }
    }

    private Channel<JsonElement> Said(string client, string kind) => _said.GetOrAdd((client, kind), _ => Channel.CreateUnbounded<JsonElement>());
}
