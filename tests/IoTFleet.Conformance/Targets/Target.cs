namespace IoTFleet.Conformance.Targets;

/// <summary>The server that is asked: the broker in this process, or any that the environment names.</summary>
public abstract class Target : IAsyncDisposable
{
    /// <summary><c>host:port</c> or <c>mqtts://host:port</c>; unset, the broker is started in this process.</summary>
    public const string Variable = "IOTFLEET_CONFORMANCE_TARGET";

    public static bool IsElsewhere => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 };

    public static Target Start() =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } address ? new AddressTarget(address) : new InProcessTarget();

    /// <summary>The broker in this process, for what no client can do to a server: refuse a client, fail a commit. Skips the test elsewhere.</summary>
    /// <param name="why">What only the in-process target can do.</param>
    public abstract InMemoryBroker InProcess(string why);

    /// <summary>Opens a connection; nothing is sent yet.</summary>
    public abstract Task<RawClient> OpenAsync(ProtocolVersion version);

    /// <summary>Cuts the connection without a word and lets the server notice.</summary>
    public abstract Task LoseAsync(RawClient client);

    /// <summary>Lets this much time pass: on a clock of the test's own, or really.</summary>
    public abstract Task PassAsync(TimeSpan time);

    public abstract ValueTask DisposeAsync();
}
