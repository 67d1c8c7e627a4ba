namespace IoTFleet.Conformance.Packets;

/// <summary>Sections 3.15 and 4.12 of 5.0, AUTH and enhanced authentication, which no server has to offer.</summary>
public sealed class AuthTests : ConformanceTest
{
    [Theory, OnlyVersion(V5)]
    public async Task Unknown_authentication_method_is_refused(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var properties = new PropertyBlock { AuthenticationMethod = "NOBODY-KNOWS-IT", AuthenticationData = "x"u8.ToArray() };
        await client.SendAsync(new ConnectPacket { Version = version, ClientId = Id("a"), CleanStart = true, Properties = properties });
        await ExpectEndAsync(client, ReasonCode.BadAuthenticationMethod, ReasonCode.NotAuthorized);
    }

    [Theory]
    [OnlyVersion(V5, "F0 00")]
    [OnlyVersion(V5, "F0 02 18 00")]
    [OnlyVersion(V5, "F0 06 19 04 15 00 01 61")]
    public async Task AUTH_without_a_method_in_CONNECT_ends_the_connection(ProtocolVersion version, string packet)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket, ReasonCode.BadAuthenticationMethod);
    }

    [Theory]
    [OnlyVersion(V5, "F1 00")]
    [OnlyVersion(V5, "F8 00")]
    public async Task Reserved_flags_of_AUTH_end_the_connection(ProtocolVersion version, string packet)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, OnlyVersion(V311)]
    public async Task AUTH_does_not_exist_in_the_older_version(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync("F0 00");
        await client.ExpectClosedAsync();
    }

    [Theory, OnlyVersion(V5)]
    public async Task Without_a_method_CONNACK_names_none_and_is_the_first_answer(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var answer = await client.ConnectAsync(Id("a"));       // fails on AUTH
        Assert.Equal((ReasonCode.Success, null), (answer.Reason, answer.Properties.AuthenticationMethod));
    }

    [Theory, OnlyVersion(V5)]
    public async Task Authentication_data_without_a_method_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Packet(0x10, Raw.Text("MQTT"), [5, 2, 0, 60], Raw.Properties(version, Raw.Hex("16 00 01 78")), Raw.Text(Id("a"))));
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }
}
