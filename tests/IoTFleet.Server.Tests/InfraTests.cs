using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

public sealed class InfraTests
{
    [Theory]
    [InlineData("docker")]
    [InlineData("compose")]
    [InlineData("systemd")]
    public async Task Files_to_run_the_server_pass_their_check(string folder)
    {
        var result = await Peers.RunAsync("bash", Repository.PathTo($"infra/{folder}/check.sh"));

        Assert.True(result.ExitCode == 0, result.Everything);
    }

    [Fact]
    public async Task Enrolment_script_explains_its_arguments()
    {
        var result = await Peers.RunAsync("bash", Repository.PathTo("tests/interop/enrol.sh"));

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("SERVER FINGERPRINT DEVICE TOKEN_FILE OUT", result.Errors, StringComparison.Ordinal);
    }
}
