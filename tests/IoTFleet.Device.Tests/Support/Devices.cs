using System.Text;
using IoTFleet.Device.Identity;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Support;

/// <summary>Options and identities of the devices in these tests, and words for what they send.</summary>
internal static class Devices
{
    public const string Id = "pump-7";

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Comes back at once after a cut.</summary>
    public static DeviceOptions Quick() => new()
    {
        DeviceId = Id,
        Server = new Uri("https://localhost:8443"),
        RootFingerprint = new string('0', 64),
        KeyStore = new MemoryKeyStore(),
        BackoffMin = TimeSpan.FromMilliseconds(1),
        BackoffMax = TimeSpan.FromMilliseconds(2),
    };

    /// <summary>Options of a device that this fleet has enrolled already.</summary>
    public static async Task<DeviceOptions> EnrolledAsync(TestPki pki, string id = Id, TimeProvider? clock = null)
    {
        var store = new MemoryKeyStore();
        using var key = await store.OpenKeyAsync(default);
        var authority = new CertificateAuthority(pki.Authorities.Devices, clock ?? TimeProvider.System);
        var leaf = authority.Issue(Terms(pki, id, key.ExportSubjectPublicKeyInfo()));
        await store.SaveAsync(new EnrolledCertificate(leaf.Der, [pki.Root.RawData]), default);
        return Quick() with { DeviceId = id, KeyStore = store, RootFingerprint = Fingerprint.Sha256(pki.Root) };
    }

    public static LeafTerms Terms(TestPki pki, string id, ReadOnlyMemory<byte> publicKey) =>
        new(id, pki.Names.DeviceUri(id), publicKey, TimeSpan.FromDays(30), TimeSpan.FromHours(1));

    public static ReadOnlyMemory<byte> Json(string text) => Encoding.UTF8.GetBytes(text);

    public static string Text(this PublishPacket publish) => Encoding.UTF8.GetString(publish.Payload.Span);

    public static string Sequence(this PublishPacket publish) => publish.Properties.UserProperties.Single(p => p.Name == "seq").Value;

    public static async Task<DeviceCommand> TakeCommandAsync(this DeviceClient device)
    {
        using var deadline = new CancellationTokenSource(Patience);
        await foreach (var command in device.CommandsAsync(deadline.Token))
            return command;
        throw new InvalidOperationException("The device has stopped.");
    }
}
