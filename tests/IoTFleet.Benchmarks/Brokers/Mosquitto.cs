namespace IoTFleet.Benchmarks.Brokers;

/// <summary>The peer: Debian's mosquitto with mutual TLS, told to drop nothing and to write nothing.</summary>
internal static class Mosquitto
{
    public const int MaxInFlight = 1_000;

    public static string? Program { get; } = new[] { "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto" }.FirstOrDefault(File.Exists);

    public static string WriteConfiguration(string folder, int port)
    {
        var file = Path.Combine(folder, $"mosquitto-{port}.conf");
        File.WriteAllText(file, $"""
            per_listener_settings false
            user root
            persistence false
            log_dest none
            allow_anonymous true
            max_inflight_messages {MaxInFlight}
            max_queued_messages 0
            set_tcp_nodelay true
            listener {port} 127.0.0.1
            cafile {BrokerCertificates.AuthoritiesFile(folder)}
            certfile {BrokerCertificates.ServerFile(folder)}
            keyfile {BrokerCertificates.ServerKey(folder)}
            require_certificate true
            use_identity_as_username false

            """);
        return file;
    }
}
