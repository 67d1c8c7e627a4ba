using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Benchmarks.Hostile;

/// <summary>What an attacker does, for a bounded time, from sixteen addresses of the loopback range. Those with a certificate are enrolled devices gone wrong.</summary>
internal sealed class Attacks(string folder, int port, CancellationToken over)
{
    public const int Devices = 20;
    private const int Sources = 16;
    private const int HeldOpen = 4_000;

    private static readonly (string Name, string What)[] All =
    [
        ("nothing", "*no attack: two threads that count, at the attacker's priority*"),
        ("half-open", "TCP connections that say nothing"),
        ("hello-stop", "a ClientHello and nothing more, as fast as it goes"),
        ("slow-bytes", "one byte a second after TLS"),
        ("topics", "topics of 60,000 bytes"),
        ("user-properties", "64 KB of user properties"),
        ("alias", "topic alias 65,535"),
        ("zeros", "packets whose every length is zero"),
        ("huge", "268 MB announced, never sent"),
        ("never-read", "subscribers of their own flood that never read"),
        ("flood", "QoS 0 as fast as it goes"),
    ];

    private readonly SslClientAuthenticationOptions[] _devices = [.. Enumerable.Range(0, Devices).Select(device => Link.OptionsOf(AttackedServer.CertificateOf(folder, DeviceId(device))))];
    private long _done;

    public static IReadOnlyList<(string Name, string What)> Names => All;

    /// <summary>Connections made, or for the floods packets sent.</summary>
    public long Done => Interlocked.Read(ref _done);

    public static string DeviceId(int device) => $"hostile-{device:00}";

    public Task RunAsync(string name) => name switch
    {
        "nothing" => Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Factory.StartNew(Count, TaskCreationOptions.LongRunning))),
        "half-open" => StrangersAsync(hello: []),
        "hello-stop" => StrangersAsync(ClientHello()),
        "slow-bytes" => EachDeviceAsync(SlowBytesAsync),
        "topics" => AgainAndAgainAsync(device => Packet(new PublishPacket { Topic = TopicName.Parse(new string('t', 60_000)), Payload = new byte[10] })),
        "user-properties" => AgainAndAgainAsync(device => Packet(new PublishPacket { Topic = Own(device), Properties = new PropertyBlock { UserProperties = [new UserProperty("a", new string('x', 65_000))] } })),
        "alias" => AgainAndAgainAsync(device => Packet(new PublishPacket { Topic = Own(device), Properties = new PropertyBlock { TopicAlias = 65_535 } })),
        "zeros" => AgainAndAgainAsync(_ => [0x30, 0x00, 0x82, 0x00, 0xA2, 0x00, 0x40, 0x00, 0x00, 0x00]),
        "huge" => AgainAndAgainAsync(_ => [0x30, 0xFF, 0xFF, 0xFF, 0x7F]),
        "never-read" => EachDeviceAsync((device, tls) => FloodAsync(device, tls, subscribe: true)),
        "flood" => EachDeviceAsync((device, tls) => FloodAsync(device, tls, subscribe: false)),
        _ => throw new ArgumentException($"There is no attack {name}."),
    };

    /// <summary>Each source opens connections one after the other and lets go of the oldest.</summary>
    private Task StrangersAsync(byte[] hello) => Task.WhenAll(Enumerable.Range(1, Sources).Select(source => Task.Run(async () =>
    {
        var open = new Queue<Socket>();
        await UntilOverAsync(async () =>
        {
            var socket = await Link.ConnectAsync(port, source, over);
            open.Enqueue(socket);
            if (hello.Length > 0) await socket.SendAsync(hello, over);
            Interlocked.Increment(ref _done);
            if (open.Count > HeldOpen / Sources) open.Dequeue().Dispose();
        });
        foreach (var socket in open) socket.Dispose();
    })));

    /// <summary>Each device connects, sends what ends its connection, and comes back at once.</summary>
    private Task AgainAndAgainAsync(Func<int, byte[]> packet) => EachDeviceAsync(async (device, tls) =>
    {
        await tls.WriteAsync(packet(device), over);
        var answers = new byte[1024];
        while (await tls.ReadAsync(answers, over) > 0)
        {
            // To the end.
        }
    });

    private Task EachDeviceAsync(Func<int, SslStream, Task> attack) => Task.WhenAll(Enumerable.Range(0, Devices).Select(device => Task.Run(() => UntilOverAsync(async () =>
    {
        await using var tls = await Link.SecureAsync(await Link.ConnectAsync(port, 1 + device % Sources, over), _devices[device], over);
        Interlocked.Increment(ref _done);
        await attack(device, tls);
    }))));

    private async Task SlowBytesAsync(int device, SslStream tls)
    {
        while (true)
        {
            await tls.WriteAsync(new byte[] { 0x10 }, over);
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, over);
        }
    }

    private async Task FloodAsync(int device, SslStream tls, bool subscribe)
    {
        await tls.WriteAsync(Packet(new ConnectPacket { Version = ProtocolVersion.V5, ClientId = DeviceId(device), CleanStart = true }), over);
        if (subscribe) await tls.WriteAsync(Packet(new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse($"devices/{DeviceId(device)}/#"), QualityOfService.AtMostOnce)] }), over);
        var one = Packet(new PublishPacket { Topic = Own(device), Payload = new byte[1_000] });
        var batch = Enumerable.Repeat(one, 16).SelectMany(bytes => bytes).ToArray();
        while (true)
        {
            await tls.WriteAsync(batch, over);
            Interlocked.Add(ref _done, 16);
        }
    }

    /// <summary>What the attacker's processor time costs by itself, on shared cores.</summary>
    private void Count()
    {
        while (!over.IsCancellationRequested) Interlocked.Increment(ref _done);
    }

    /// <summary>Being thrown out, or not let in, is what an attacker is used to.</summary>
    private async Task UntilOverAsync(Func<Task> once)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                await once();
            }
            catch (Exception thrownOut) when (thrownOut is IOException or SocketException or OperationCanceledException or AuthenticationException)
            {
                await Task.Yield();
            }
        }
    }

    private static TopicName Own(int device) => TopicName.Parse($"devices/{DeviceId(device)}/events/x");

    private static byte[] Packet(Packet packet)
    {
        var output = new ArrayBufferWriter<byte>();
        PacketWriter.Write(output, packet, ProtocolVersion.V5);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The first thing that a TLS client says, taken from one that gets no answer.</summary>
    private static byte[] ClientHello()
    {
        var said = new MemoryStream();
        using var tls = new SslStream(said);
        try
        {
            tls.AuthenticateAsClient(new SslClientAuthenticationOptions { TargetHost = "localhost" });
        }
        catch (Exception noAnswer) when (noAnswer is IOException or AuthenticationException)
        {
            // As meant.
        }

        return said.ToArray();
    }
}
