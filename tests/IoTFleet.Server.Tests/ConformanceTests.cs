using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The conformance suite against the whole product: over TLS, with certificates, policy and database.</summary>
public sealed class ConformanceTests
{
    [Fact]
    public async Task The_whole_server_passes_the_conformance_suite_as_a_service_sees_it()
    {
        await using var server = await RunningServer.StartAsync();
        using var certificate = await server.CreateServiceAsync("conformance", ["#"], ["#"]);
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("client.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(folder.File("client.key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());

        var outcomes = await ConformanceSuite.RunAsync(new Dictionary<string, string>
        {
            ["IOTFLEET_CONFORMANCE_TARGET"] = $"mqtts://localhost:{server.MqttPort}",
            ["IOTFLEET_CONFORMANCE_CA"] = server.RootFile,
            ["IOTFLEET_CONFORMANCE_CERT"] = folder.File("client.pem"),
            ["IOTFLEET_CONFORMANCE_KEY"] = folder.File("client.key"),
            ["IOTFLEET_CONFORMANCE_PATIENCE"] = "20",
        });

        Assert.InRange(outcomes.Count(outcome => outcome.Result == "Pass"), 500, int.MaxValue);
        var failures = outcomes.Where(outcome => outcome.Result == "Fail").Select(outcome => $"{outcome.Name}: {outcome.Message}").ToList();
        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures));
    }
}
