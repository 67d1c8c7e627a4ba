using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Fleet.Tests.Authorities;

public class AuthorityDirectoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeClock _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task First_start_takes_the_folder_in_as_the_first_generation()
    {
        await using var fleet = await TestFleet.StartAsync();
        var rows = await fleet.ReadAsync(db => db.Authorities.OrderBy(a => a.Purpose).ToListAsync());
        Assert.Equal(5, rows.Count);
        Assert.All(rows, row => Assert.Equal((1, AuthorityState.Active), (row.Generation, row.State)));
        Assert.Equal(AuthorityId.Of(fleet.Pki.DeviceIssuer), fleet.Get<AuthorityDirectory>().Current.Active(AuthorityPurpose.Devices)!.Id);
    }

    [Fact]
    public async Task Later_start_takes_nothing_in_again()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.Get<AuthorityDirectory>().LoadAsync(default);
        Assert.Equal(5, await fleet.ReadAsync(db => db.Authorities.CountAsync()));
    }

    [Fact]
    public async Task Folder_that_was_started_over_removes_what_was_below_the_old_root()
    {
        await using var fleet = await TestFleet.StartAsync();
        var old = fleet.Get<AuthorityDirectory>().Current.Active(AuthorityPurpose.Devices)!.Id;
        using var authorities = RootCeremony.LoadOrCreate(_folder.File("ca"), fleet.Pki.Names, _clock);
        using var directory = new AuthorityDirectory(fleet.Databases, authorities, _clock, NullLogger<AuthorityDirectory>.Instance);
        await directory.LoadAsync(default);
        Assert.Equal(AuthorityState.Removed, directory.Current.Find(old)!.State);
        Assert.Equal(2, directory.Current.Active(AuthorityPurpose.Devices)!.Generation);
        Assert.Single(directory.Current.Roots);
    }

    [Fact]
    public async Task Certificates_of_before_are_adopted_by_the_first_generation()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        var issued = await fleet.ReadAsync(db => db.Certificates.SingleAsync());
        Assert.Equal(fleet.Get<AuthorityDirectory>().Current.Active(AuthorityPurpose.Devices)!.Id, issued.IssuerId);

        await fleet.ReadAsync(db => db.Certificates.ExecuteUpdateAsync(set => set.SetProperty(c => c.IssuerId, "")));
        await fleet.ReadAsync(db => db.Authorities.ExecuteDeleteAsync());
        await fleet.Get<AuthorityDirectory>().LoadAsync(default);
        Assert.Equal(issued.IssuerId, (await fleet.ReadAsync(db => db.Certificates.SingleAsync())).IssuerId);
    }

    [Fact]
    public async Task Removed_authority_is_known_but_not_believed()
    {
        await using var fleet = await TestFleet.StartAsync();
        var directory = fleet.Get<AuthorityDirectory>();
        var before = directory.Current;
        var services = before.Active(AuthorityPurpose.Services)!;
        await fleet.ReadAsync(db => db.Authorities.Where(a => a.Id == services.Id).ExecuteUpdateAsync(set => set.SetProperty(a => a.State, AuthorityState.Removed)));
        await directory.ReloadAsync(default);
        Assert.Contains(services, before.Issuers);      // what somebody holds does not change under him
        Assert.DoesNotContain(directory.Current.Issuers, issuer => issuer.Id == services.Id);
        Assert.NotNull(directory.Current.Find(services.Id));
        Assert.Throws<InvalidOperationException>(() => directory.Active(AuthorityPurpose.Services));
    }
}
