namespace IoTFleet.Conformance.Packets;

/// <summary>Section 3.1.2.10, keep alive, and 3.12, PINGREQ.</summary>
public sealed class KeepAliveTests : ConformanceTest
{
    [Theory, BothVersions]
    public async Task Silence_of_one_and_a_half_keep_alives_ends_the_connection(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var answer = await client.ConnectAsync(Id("a"), keepAlive: 1);
        Assert.Null(answer.Properties.ServerKeepAlive);
        await Target.PassAsync(Seconds(4));
        await ExpectEndAsync(client, ReasonCode.KeepAliveTimeout);
    }

    [Theory, BothVersions]
    public async Task Silent_client_is_treated_as_lost(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        await ConnectAsync("a", version, keepAlive: 1, will: Will("gone"));
        await Target.PassAsync(Seconds(4));
        await watching.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Client_that_sends_something_in_time_stays(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version, keepAlive: 4);
        for (var i = 0; i < 3; i++)
        {
            await Target.PassAsync(Seconds(3));
            await client.ExpectNothingAsync();
        }
    }

    [Theory, BothVersions]
    public async Task Keep_alive_of_zero_asks_for_no_PINGREQ(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var answer = await client.ConnectAsync(Id("a"), keepAlive: 0);
        await Target.PassAsync(Seconds(3));
        await client.ExpectNothingAsync();
        Assert.NotEqual((ushort?)0, answer.Properties.ServerKeepAlive);
    }

    [Theory, BothVersions]
    public async Task PINGREQ_is_answered(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync("C0 00 C0 00");
        await client.ExpectBytesAsync("D0 00 D0 00");
    }
}
