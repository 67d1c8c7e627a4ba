namespace IoTFleet.Broker.Tests;

public sealed class OptionsTests
{
    public static TheoryData<string, Action<BrokerOptions>> OutOfRange() => new()
    {
        { nameof(BrokerOptions.ConnectTimeout), options => options.ConnectTimeout = TimeSpan.FromSeconds(61) },
        { nameof(BrokerOptions.MaxKeepAlive), options => options.MaxKeepAlive = TimeSpan.FromHours(19) },
        { nameof(BrokerOptions.CloseTimeout), options => options.CloseTimeout = TimeSpan.Zero },
        { nameof(BrokerOptions.MaxSessionExpiry), options => options.MaxSessionExpiry = TimeSpan.FromDays(31) },
        { nameof(BrokerOptions.ReceiveMaximum), options => options.ReceiveMaximum = 0 },
        { nameof(BrokerOptions.MaxUnreleased), options => options.MaxUnreleased = 99 },
        { nameof(BrokerOptions.SysInterval), options => options.SysInterval = TimeSpan.FromMilliseconds(1) },
        { nameof(BrokerOptions.MaxInFlight), options => options.MaxInFlight = 65_536 },
        { nameof(BrokerOptions.MaxQueuedPerSession), options => options.MaxQueuedPerSession = 0 },
        { nameof(BrokerOptions.MaxOutboxPackets), options => options.MaxOutboxPackets = 15 },
        { nameof(BrokerOptions.MaxOutboxBytes), options => options.MaxOutboxBytes = 16_383 },
        { nameof(BrokerOptions.SlowClientTimeout), options => options.SlowClientTimeout = TimeSpan.FromMinutes(11) },
        { nameof(BrokerOptions.MaxSubscriptionsPerSession), options => options.MaxSubscriptionsPerSession = 0 },
        { nameof(BrokerOptions.AdmissionTimeout), options => options.AdmissionTimeout = TimeSpan.Zero },
        { nameof(BrokerOptions.MaxPacketRate), options => options.MaxPacketRate = 0 },
        { nameof(BrokerOptions.MaxByteRate), options => options.MaxByteRate = 1_023 },
        { nameof(BrokerOptions.MaxTimeOverRate), options => options.MaxTimeOverRate = TimeSpan.FromHours(2) },
        { "PacketLimits:MaxTopicLevels", options => options.PacketLimits = new PacketLimits { MaxTopicLevels = 257 } },
        { nameof(BrokerOptions.MaxRetainedMessages), options => options.MaxRetainedMessages = 0 },
        { nameof(BrokerOptions.MaxRetainedBytes), options => options.MaxRetainedBytes = 1 },
        { nameof(BrokerOptions.MaxRetainedPerClient), options => options.MaxRetainedPerClient = 0 },
        { nameof(BrokerOptions.MaxRetainedBytesPerClient), options => options.MaxRetainedBytesPerClient = 1 },
        { nameof(BrokerOptions.TopicAliasMaximum), options => options.TopicAliasMaximum = 1_001 },
    };

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void Setting_out_of_range_is_named(string setting, Action<BrokerOptions> change)
    {
        var options = new BrokerOptions();
        change(options);

        Assert.StartsWith($"Broker:{setting} must be ", Assert.Single(options.Problems()), StringComparison.Ordinal);
    }

    [Fact]
    public void Defaults_can_be_used() => Assert.Empty(new BrokerOptions().Problems());
}
