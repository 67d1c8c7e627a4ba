using System.Data.Common;
using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Commands;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Fleet.Operators;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Pki;
using IoTFleet.Server.Alerts;
using IoTFleet.Server.Commands;
using IoTFleet.Server.Console;
using IoTFleet.Server.Diagnosis;
using IoTFleet.Server.Doors;
using IoTFleet.Server.Est;
using IoTFleet.Server.Mqtt;
using IoTFleet.Server.Renewal;
using IoTFleet.Server.Rest;
using IoTFleet.Server.Rotation;
using IoTFleet.Server.Security;
using IoTFleet.Server.Status;

namespace IoTFleet.Server;

/// <summary>The whole server, put together here and read from top to bottom. Tests start it the same way on ports of their own.</summary>
public sealed class FleetServer : IAsyncDisposable
{
    private const int NoRoom = 28; // ENOSPC
    private const int NoRoomOnWindows = unchecked((int)0x80070070); // ERROR_DISK_FULL

    private readonly WebApplication _app;
    private readonly DataFolder _data;

    private FleetServer(WebApplication app, DataFolder data)
    {
        _app = app;
        _data = data;
    }

    public IServiceProvider Services => _app.Services;

    public string DataPath => _data.Path;

    /// <summary>Where it listens and what it made; complete once it has started.</summary>
    internal StartupReport Report { get; private set; } = null!;

    public int MqttPort => Report.MqttPort;

    public int HttpsPort => Report.HttpsPort;

    /// <summary>Of the plain port for revocation lists and OCSP; null while there is none.</summary>
    public int? StatusPort => Services.GetRequiredService<StatusListener>().Port;

    public string RootFingerprint => Report.RootFingerprint;

    /// <param name="settings">Override what appsettings and the environment say, by names such as <c>IoTFleet:Data</c>.</param>
    /// <param name="customise">For tests: other logging, another clock.</param>
    /// <exception cref="StartupException">It cannot start; the message is one line for the operator.</exception>
    public static async Task<FleetServer> StartAsync(
        IReadOnlyDictionary<string, string?> settings, Action<WebApplicationBuilder>? customise = null, CancellationToken cancellationToken = default)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddSingleton(TimeProvider.System);
        customise?.Invoke(builder);

        var options = ServerOptions.From(builder.Configuration);
        var data = DataFolder.Open(options.Data);
        try
        {
            var server = new FleetServer(Build(builder, options, data, out var listeners), data);
            await server.StartAsync(options, listeners, cancellationToken);
            return server;
        }
        catch (Exception error)
        {
            data.Dispose();
            if (StartupProblem(error, options) is { } line) throw new StartupException(line, error);
            throw;
        }
    }

    public Task WaitForShutdownAsync() => _app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        if (!_app.Lifetime.ApplicationStopped.IsCancellationRequested) await _app.StopAsync();
        await _app.DisposeAsync();
        _data.Dispose();
    }

    private static WebApplication Build(WebApplicationBuilder builder, ServerOptions options, DataFolder data, out Listeners listeners)
    {
        var services = builder.Services;
        services.AddSingleton(data).AddSingleton(options);

        // Identity: who we are and whom we trust. Made before anything listens, so that a broken key file is the first thing said.
        services.AddFleetIdentity();
        services.AddSingleton(Settings<RotationOptions>(builder.Configuration, "Rotation", rotation => rotation.Validate()));
        services.AddHostedService<SightingsWriter>().AddHostedService<AuthorityWatch>();

        // The fleet: devices, enrolment, certificates, telemetry, operators.
        services.AddSingleton(new RevocationOptions(options.SecondOperatorAbove < 0 ? null : options.SecondOperatorAbove));
        if (options.StatusAddresses() is { } addresses) services.AddSingleton(addresses);
        services.AddRenewalDoors(builder.Configuration);
        services.AddFleet(TelemetrySettings(builder.Configuration), Settings<FormatOptions>(builder.Configuration, "Telemetry", formats => formats.Validate()));
        services.AddDatabases(options, data);

        // The broker, and the product behind its three ports.
        services.AddSingleton<DbBrokerStore>().AddSingleton<IBrokerStore>(provider => provider.GetRequiredService<DbBrokerStore>());
        services.AddBroker();
        services.AddSingleton<FleetAccessPolicy>().AddSingleton<IAccessPolicy>(provider => provider.GetRequiredService<FleetAccessPolicy>());
        services.AddSingleton<IMessageSink, DeviceSink>().AddSingleton<IDeviceTopic, TelemetrySink>().AddSingleton<IDeviceTopic, TwinSink>();
        services.AddSingleton(provider => new Lazy<TwinRelay>(provider.GetRequiredService<TwinRelay>));        // the sink is a part of the broker, by which the relay sends
        services.AddSingleton<TwinRelay>().AddSingleton<ISubscriptionWatch>(provider => provider.GetRequiredService<TwinRelay>());
        services.AddHostedService(provider => provider.GetRequiredService<TwinRelay>());
        services.AddHostedService<SubscriptionFeed>();
        services.AddSingleton(Settings<CommandOptions>(builder.Configuration, "Commands", commands => commands.Validate())).AddCommands();
        services.AddSingleton<RevocationFreshness>().AddSingleton<RevocationSequence>().AddSingleton<RevocationWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<RevocationWatch>());
        services.AddHostedService<ShutOutSweep>();
        services.AddSingleton<NodeReports>().AddHostedService(provider => provider.GetRequiredService<NodeReports>());

        // What third parties may know of revocations.
        services.AddSingleton<StatusPages>().AddSingleton<StatusListener>().AddHostedService(provider => provider.GetRequiredService<StatusListener>());
        services.AddHostedService<CrlSchedule>();

        // Who is told when telemetry is not as it should be.
        services.AddAlerts(builder.Configuration);

        // The doors for people.
        services.AddOperatorAuth(data.CookieKeys);
        services.AddSingleton(EnrolmentOptions.From(builder.Configuration)).AddSingleton<EnrolmentLimits>().AddSingleton<EnrolmentDesk>().AddSingleton<EnrolmentAnswer>();
        services.AddHostedService<ApprovalRetention>();
        services.AddSingleton<MessageRate>().AddSingleton<OverviewReport>();
        services.AddRazorComponents();
        services.AddCascadingAuthenticationState();
        services.AddHealth();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default);
            json.SerializerOptions.Converters.Add(new TextWithoutNul());
        });

        services.AddHostedService<OrderlyStop>();
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        var doors = DoorOptions.From(builder.Configuration);
        services.AddSingleton(doors);
        listeners = Listeners.Configure(builder.WebHost, options, doors);
        services.AddSingleton(listeners);

        var app = builder.Build();
        app.UseProblems();
        app.UseSecurityHeaders();
        app.UsePeerGate();
        app.UseRateLimiter();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseAntiforgery();
        app.Use(TextWithoutNul.CheckQueryAsync);

        app.MapEst();
        app.MapDeviceEnrolment();
        app.MapRenewal();
        app.MapStatus();
        app.MapTrustBundle();
        app.MapMqtt();
        app.MapConsole();
        app.MapHealth();
        var api = app.MapGroup("/api/v1").RequireAuthorization(OperatorAuth.Rest);
        api.MapOverview();
        api.MapDevices();
        api.MapCertificates();
        api.MapRevocations();
        api.MapOperators();
        api.MapTokens();
        api.MapGroups();
        api.MapClaims();
        api.MapManufacturers();
        api.MapApprovals();
        api.MapImport();
        api.MapServices();
        api.MapRenewals();
        api.MapRefusals();
        api.MapAuthorities();
        api.MapTelemetry();
        api.MapQuarantine();
        api.MapTelemetryQueries();
        api.MapTelemetryStreams();
        api.MapRules();
        api.MapAlerts();
        api.MapWebhooks();
        api.MapCommands();
        api.MapTwins();
        api.MapAudit();
        api.MapLog();
        return app;
    }

    /// <summary>A section of the configuration, or its defaults; what is out of range is one line for the operator.</summary>
    private static T Settings<T>(ConfigurationManager configuration, string section, Action<T> validate)
        where T : class, new()
    {
        var options = configuration.GetSection(section).Get<T>() ?? new T();
        try
        {
            validate(options);
            return options;
        }
        catch (ArgumentException problem)
        {
            throw new StartupException(problem.Message, problem);
        }
    }

    /// <summary>What may be in flight may come again, and must then be known.</summary>
    private static TelemetryOptions TelemetrySettings(ConfigurationManager configuration)
    {
        var telemetry = Settings<TelemetryOptions>(configuration, "Telemetry", options => options.Validate());
        var inFlight = (configuration.GetSection("Broker").Get<BrokerOptions>() ?? new BrokerOptions()).ReceiveMaximum;
        if (telemetry.RepeatWindow >= inFlight) return telemetry;
        throw new StartupException($"Telemetry:RepeatWindow is {telemetry.RepeatWindow}, but a device may have {inFlight} messages in flight (Broker:ReceiveMaximum), and each of them may come again; make the window at least as large.");
    }

    private async Task StartAsync(ServerOptions options, Listeners listeners, CancellationToken cancellationToken)
    {
        var identity = Services.GetRequiredService<FleetIdentity>();
        await Services.GetRequiredService<FleetDatabase>().MigrateAsync(cancellationToken);
        await Services.GetRequiredService<TelemetryDatabase>().MigrateAsync(cancellationToken);
        await Services.GetRequiredService<AuthorityDirectory>().LoadAsync(cancellationToken);
        await Services.GetRequiredService<AdoptCertificates>().RunAsync(cancellationToken);
        await Services.GetRequiredService<ReportIntents>().RunAsync(cancellationToken);
        await identity.OpenServerCertificateAsync(Services.GetRequiredService<AuthorityDirectory>(), Services.GetRequiredService<IssueServerCertificate>(), cancellationToken);
        var newKey = await AdministratorKeyAsync(options, cancellationToken);
        await Services.GetRequiredService<RevocationWatch>().LoadAsync(cancellationToken);
        await Services.GetRequiredService<TelemetryIngest>().StartAsync(cancellationToken);
        Services.GetRequiredService<TelemetryUpkeep>().Start();
        await LoadSessionsAsync(cancellationToken);
        Services.GetRequiredService<OverviewReport>();      // counts from now, not from when somebody first looks
        await _app.StartAsync(cancellationToken);

        Report = new StartupReport(_data, identity, listeners.MqttPort, listeners.HttpsPort, newKey);
        _data.Announce(Report.ForLocalPrograms());
    }

    private async Task LoadSessionsAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Services.GetRequiredService<MqttBroker>().LoadAsync(cancellationToken);
        }
        catch (DbException problem)
        {
            throw new StartupException($"The database {_data.Sessions} cannot be used: {problem.Message}", problem);
        }
    }

    /// <returns>The administrator's key, when this start made one; this is the one time it can be shown.</returns>
    private async Task<NewKey?> AdministratorKeyAsync(ServerOptions options, CancellationToken cancellationToken)
    {
        var secret = await Services.GetRequiredService<CreateFirstKey>().RunAsync(Actor.System, new CreateFirstKeyRequest("administrator"), cancellationToken) switch
        {
            CreateFirstKeyResult.Created created => created.Secret,
            _ when options.NewAdministratorKey => await AnotherKeyAsync(cancellationToken),
            _ => null,
        };
        if (secret is null) return null;
        PemFile.WriteSecret(_data.AdministratorKey, secret.Reveal() + Environment.NewLine);
        return new NewKey(options.ShowNewKey ? secret.Reveal() : null);
    }

    private async Task<Secret?> AnotherKeyAsync(CancellationToken cancellationToken)
    {
        var result = await Services.GetRequiredService<CreateKey>().RunAsync(Actor.System, new CreateKeyRequest("administrator", Role.Administrator), cancellationToken);
        return (result as CreateKeyResult.Created)?.Secret;
    }

    /// <summary>What an operator can mend, in one line; null for what is ours to mend.</summary>
    private static string? StartupProblem(Exception error, ServerOptions options) => error switch
    {
        KeyFileException or StartupException or DatabaseUnusableException => error.Message,
        ProfileViolationException { Profile: Profile.Server } violation => $"{violation.Message} Check IoTFleet:Hosts, and the names that the authority for servers may name (docs/pki.md).",
        DbException when options.Database == DatabaseNames.Sqlite => $"A database in {options.Data} (fleet.db, telemetry.db, telemetry-log.db) cannot be used: {error.Message}",
        _ when error.Find<DbException>() is { } said => $"The database cannot be used: {said.Message}",
        IOException { HResult: NoRoom or NoRoomOnWindows } => $"The disk of the data folder {options.Data} is full: {error.Message}. Make room and start again.",
        Microsoft.Extensions.Options.OptionsValidationException invalid => string.Join(' ', invalid.Failures),
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => $"{error.Message} Another program listens there; stop it or choose other ports with --mqtt-port and --https-port.",
        System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.AccessDenied } => $"Port {options.MqttPort} or {options.HttpsPort} may not be opened by this user; choose ports above 1023 or grant the right to bind them.",
        _ when error.GetBaseException() is DllNotFoundException missing => missing.Message,      // the system's SQLite
        _ => null,
    };
}
