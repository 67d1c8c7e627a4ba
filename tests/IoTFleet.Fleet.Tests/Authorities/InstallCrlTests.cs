using IoTFleet.Fleet.Status;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Fleet.Tests.Authorities;

/// <summary>The list of a root whose key is kept elsewhere.</summary>
public sealed class InstallCrlTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private TestFleet _fleet = null!;

    private string Ca => _folder.File("ca");
    private string Vault => _folder.File("vault");

    public async ValueTask InitializeAsync()
    {
        var clock = new FakeClock();
        RootCeremony.LoadOrCreate(Ca, new FleetNames("fleet.local"), clock).Dispose();
        Directory.CreateDirectory(Vault);
        File.Move(Path.Combine(Ca, "root.key"), Path.Combine(Vault, "root.key"));
        File.Copy(Path.Combine(Ca, "root.pem"), Path.Combine(Vault, "root.pem"));
        _fleet = await TestFleet.StartAsync(Ca);
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        _fleet.Authorities.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task List_is_taken_in_and_the_next_needs_a_higher_number()
    {
        var installed = Assert.IsType<InstallCrlResult.Installed>(await InstallAsync(Sign(7)));
        Assert.Equal((7, 0), (installed.List.Number, installed.List.Entries));
        Assert.IsType<InstallCrlResult.NotNewer>(await InstallAsync(Sign(7)));
        Assert.IsType<InstallCrlResult.NotNewer>(await InstallAsync(Sign(6)));
        Assert.IsType<InstallCrlResult.Installed>(await InstallAsync(Sign(8)));
        Assert.Equal(8, (await _fleet.Get<FindCrl>().RunAsync(installed.List.IssuerId, 0, default))!.Number);
    }

    [Fact]
    public async Task List_is_warned_of_when_half_of_its_life_is_over()
    {
        await InstallAsync(Sign(7));
        Assert.Empty(await _fleet.Get<PublishCrl>().LateAsync(default));
        _fleet.Clock.Leap(TimeSpan.FromDays(16));
        Assert.Equal(7, Assert.Single(await _fleet.Get<PublishCrl>().LateAsync(default)).Number);
    }

    [Fact]
    public async Task List_of_another_root_or_a_changed_or_ended_one_is_refused()
    {
        var good = Sign(7);
        using var other = new TestPki(_fleet.Clock);
        var theirs = new CertificateAuthority(other.Authorities.RootKey!, _fleet.Clock).SignCrl(good.Content);
        Assert.Contains("not signed", Problem(await InstallAsync(new RootList(good.Content, theirs))));
        Assert.Contains("not a revocation list", Problem(await _fleet.Get<InstallCrl>().RunAsync(TestFleet.Admin, new("nothing"), default)));
        _fleet.Clock.Leap(TimeSpan.FromDays(31));
        Assert.Contains("ended", Problem(await InstallAsync(good)));
    }

    [Fact]
    public async Task Viewer_may_not_and_where_the_key_is_it_is_not_needed()
    {
        Assert.IsType<InstallCrlResult.Forbidden>(await _fleet.Get<InstallCrl>().RunAsync(TestFleet.Viewer, new(Sign(7).ToPem()), default));
        var list = Sign(7);
        File.Copy(Path.Combine(Vault, "root.key"), Path.Combine(Ca, "root.key"));
        await using var whole = await TestFleet.StartAsync(Ca);
        Assert.IsType<InstallCrlResult.MadeHere>(await whole.Get<InstallCrl>().RunAsync(TestFleet.Admin, new(list.ToPem()), default));
        whole.Authorities.Dispose();
    }

    private RootList Sign(long number) => OfflineCeremony.SignCrl(Vault, [], number, TimeSpan.FromDays(30), _fleet.Clock, KeySecrets.None);

    private Task<InstallCrlResult> InstallAsync(RootList list) => _fleet.Get<InstallCrl>().RunAsync(TestFleet.Admin, new(list.ToPem()), default);

    private static string Problem(InstallCrlResult result) => Assert.IsType<InstallCrlResult.Invalid>(result).Problem;
}
