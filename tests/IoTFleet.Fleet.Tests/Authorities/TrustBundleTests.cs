using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Fleet.Tests.Authorities;

/// <summary>The signed document by which devices learn whom to trust, read as a device reads it.</summary>
public class TrustBundleTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private TestFleet _fleet = null!;

    private TrustSnapshot Trust => _fleet.Get<AuthorityDirectory>().Current;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync(_folder.File("ca"));

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        _fleet.Authorities.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void First_bundle_is_there_from_the_start_and_the_root_alone_verifies_it()
    {
        Assert.Equal(1, Trust.BundleVersion);
        var bundle = Verified(Trust.Bundle!.Document, Trust.Roots);
        Assert.Equal(("fleet.local", 1L), (bundle.Fleet, bundle.Version));
        Assert.Equal([AuthorityPurpose.Root, AuthorityPurpose.Devices, AuthorityPurpose.Servers], bundle.Authorities.Select(authority => authority.Purpose));
    }

    [Fact]
    public void Bundle_of_another_fleet_is_refused()
    {
        using var other = new TestPki(_fleet.Clock);
        Assert.False(TrustBundleDocument.TryVerify(Trust.Bundle!.Document, [other.Root], _fleet.Clock, out _, out var problem));
        Assert.Equal("its signer is not an authority for servers below a trusted root", problem);
    }

    [Fact]
    public void Changed_bundle_is_refused()
    {
        var text = Encoding.UTF8.GetString(Trust.Bundle!.Document);
        var payload = System.Text.Json.JsonDocument.Parse(text).RootElement.GetProperty("payload").GetBytesFromBase64();
        var changed = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(payload).Replace("\"version\":1", "\"version\":9", StringComparison.Ordinal));
        var forged = text.Replace(Convert.ToBase64String(payload), Convert.ToBase64String(changed), StringComparison.Ordinal);
        Assert.NotEqual(text, forged);
        Assert.False(TrustBundleDocument.TryVerify(Encoding.UTF8.GetBytes(forged), Trust.Roots, _fleet.Clock, out _, out var problem));
        Assert.Equal("its signature is not the signer's", problem);
    }

    [Fact]
    public void Only_an_authority_for_servers_signs_bundles()
    {
        var bundle = TrustBundleDocument.ReadOwn(Trust.Bundle!.Document);
        var signed = bundle.Sign(_fleet.Get<AuthorityDirectory>().Active(AuthorityPurpose.Devices));
        Assert.False(TrustBundleDocument.TryVerify(signed, Trust.Roots, _fleet.Clock, out _, out _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"payload\":\"AA==\",\"signature\":\"AA==\",\"chain\":[]}")]
    [InlineData("{\"payload\":1,\"signature\":\"AA==\",\"chain\":[\"AA==\"]}")]
    public void What_is_no_bundle_is_refused_without_an_exception(string text) =>
        Assert.False(TrustBundleDocument.TryVerify(Encoding.UTF8.GetBytes(text), Trust.Roots, _fleet.Clock, out _, out _));

    [Fact]
    public async Task Version_grows_with_each_change_that_concerns_devices_and_with_no_other()
    {
        var devices = await StepAsync<PrepareAuthority>(use => use.RunAsync(TestFleet.Admin, new(AuthorityPurpose.Devices), default));
        Assert.Equal(1, Trust.BundleVersion);       // nobody trusts it yet
        await StepAsync<PublishAuthority>(use => use.RunAsync(TestFleet.Admin, new(devices.Id), default));
        Assert.Equal(2, Trust.BundleVersion);
        var claims = await StepAsync<PrepareAuthority>(use => use.RunAsync(TestFleet.Admin, new(AuthorityPurpose.Claims), default));
        await StepAsync<PublishAuthority>(use => use.RunAsync(TestFleet.Admin, new(claims.Id), default));
        Assert.Equal(2, Trust.BundleVersion);       // devices never see a claim's authority
    }

    [Fact]
    public async Task Root_rollover_is_believed_by_who_knows_only_the_old_root_and_by_who_knows_only_the_new_one()
    {
        X509Certificate2[] old = [Trust.Roots[0]];
        var root = await RotateAsync(AuthorityPurpose.Root);
        await RotateAsync(AuthorityPurpose.Servers);
        using var anchor = X509CertificateLoader.LoadCertificate(root.Der);
        Assert.Equal(Trust.Active(AuthorityPurpose.Servers)!.Id, Trust.Bundle!.SignerId);
        Assert.Equal(2, Verified(Trust.Bundle.Document, old).Anchors.Count());      // by NewWithOld
        Assert.Equal(2, Verified(Trust.Bundle.Document, [anchor]).Anchors.Count());
    }

    [Fact]
    public async Task Bundle_still_signed_below_the_old_root_is_believed_by_who_knows_only_the_new_one()
    {
        var root = await RotateAsync(AuthorityPurpose.Root);
        using var anchor = X509CertificateLoader.LoadCertificate(root.Der);
        Verified(Trust.Bundle!.Document, [anchor]);     // by OldWithNew
    }

    private TrustBundleDocument Verified(byte[] document, IReadOnlyCollection<X509Certificate2> roots)
    {
        Assert.True(TrustBundleDocument.TryVerify(document, roots, _fleet.Clock, out var bundle, out var problem), problem);
        return bundle;
    }

    private async Task<Authority> RotateAsync(AuthorityPurpose purpose)
    {
        var next = await StepAsync<PrepareAuthority>(use => use.RunAsync(TestFleet.Admin, new(purpose), default));
        await StepAsync<PublishAuthority>(use => use.RunAsync(TestFleet.Admin, new(next.Id), default));
        return await StepAsync<ActivateAuthority>(use => use.RunAsync(TestFleet.Admin, new(next.Id), default));
    }

    private async Task<Authority> StepAsync<TUseCase>(Func<TUseCase, Task<RotationResult>> run)
        where TUseCase : notnull => Assert.IsType<RotationResult.Done>(await run(_fleet.Get<TUseCase>())).Authority;
}
