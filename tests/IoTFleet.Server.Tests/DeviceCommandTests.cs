using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Device;
using IoTFleet.Device.Identity;
using IoTFleet.Testing;
using CommandAnswer = IoTFleet.Device.CommandAnswer;

namespace IoTFleet.Server.Tests;

/// <summary>Commands from an operator to a device with the SDK and back, whatever happens between the two.</summary>
public sealed class DeviceCommandTests : IAsyncLifetime
{
    private const string Device = "pump-7";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task What_a_devices_handler_returns_comes_to_the_operator_who_waits()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync());
        _ = device.HandleCommandsAsync((command, _) => Task.FromResult(command.Name == "status" ? new CommandAnswer(200, "{\"rpm\":900}"u8.ToArray()) : CommandAnswer.UnknownCommand));

        var known = await SendAsync("status", Patience);
        var unknown = await SendAsync("fly", Patience);

        Assert.Equal((200, "{\"rpm\":900}"), (known.Answer!.Status, known.Answer.Payload!.Value.GetRawText()));
        Assert.Equal(404, unknown.Answer!.Status);
    }

    [Fact]
    public async Task A_device_that_restarts_between_begun_and_answered_says_so_and_does_not_run_it_again()
    {
        var options = await OptionsAsync();
        var runs = 0;
        string id;
        await using (var first = await DeviceClient.StartAsync(options))
        {
            var begun = new TaskCompletionSource();
            _ = first.HandleCommandsAsync(async (_, stop) =>
            {
                Interlocked.Increment(ref runs);
                begun.SetResult();
                await new TaskCompletionSource().Task.WaitAsync(stop);
                return CommandAnswer.Done;
            });
            id = (await SendAsync("open")).Id;
            await begun.Task.WaitAsync(Patience);
        }

        await using var second = await DeviceClient.StartAsync(options);
        _ = second.HandleCommandsAsync((_, _) => Task.FromResult(Interlocked.Increment(ref runs) is 0 ? CommandAnswer.UnknownCommand : CommandAnswer.Done));

        var command = await _server.Client.GetCommandAsync(Device, id, Patience);
        Assert.Equal((CommandStates.Answered, 500), (command.State, command.Answer!.Status));
        Assert.Equal(1, runs);
    }

    /// <summary>The device stands behind a proxy that breaks the connection again and again, while it works off commands.</summary>
    [Fact]
    public async Task Of_200_commands_over_20_cuts_each_is_run_once_and_answered_once()
    {
        await using var proxy = new BreakingProxy(_server.MqttPort);
        var options = await OptionsAsync() with { BrokerPort = proxy.Port, Outbox = new OutboxOptions { Folder = _folder.File("outbox") } };
        await using var device = await DeviceClient.StartAsync(options);
        var runs = new ConcurrentDictionary<string, int>();
        _ = device.HandleCommandsAsync((command, _) => Task.FromResult(new CommandAnswer(200, Encoding.UTF8.GetBytes($"{runs.AddOrUpdate(command.Id!, 1, (_, times) => times + 1)}"))));
        await device.WaitConnectedAsync().WaitAsync(Patience);

        for (var n = 0; n < 200; n++)
        {
            await SendAsync("open", id: $"c-{n}");
            if (n % 10 == 5) proxy.Cut();
            if (n % 50 == 49) await WhenAnsweredAsync(n - 49, n);          // a device may have 100 open
        }

        Assert.True(device.Reconnects > 0);
        Assert.Equal(200, runs.Count);
        Assert.All(runs, run => Assert.Equal(1, run.Value));
    }

    private async Task WhenAnsweredAsync(int first, int last)
    {
        for (var n = first; n <= last; n++)
        {
            var command = await _server.Client.GetCommandAsync(Device, $"c-{n}", Patience);
            Assert.Equal((CommandStates.Answered, 200, "1"), (command.State, command.Answer!.Status, command.Answer.Payload!.Value.GetRawText()));
        }
    }

    private Task<CommandReceipt> SendAsync(string name, TimeSpan wait = default, string? id = null) => _server.Client.SendCommandAsync(
        Device, new SendCommandRequest { Name = name, Payload = JsonElement.Parse("{}"), TimeoutSeconds = 300, Id = id }, wait);

    private async Task<DeviceOptions> OptionsAsync()
    {
        var token = await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "sdk" });
        return new DeviceOptions
        {
            DeviceId = Device,
            Server = new Uri($"https://localhost:{_server.HttpsPort}"),
            RootFingerprint = _server.RootFingerprint,
            BrokerPort = _server.MqttPort,
            EnrolmentToken = token.Secret,
            KeyStore = new FileKeyStore(_folder.File(Device)),
            BackoffMin = TimeSpan.FromMilliseconds(50),
            BackoffMax = TimeSpan.FromSeconds(1),
        };
    }
}
