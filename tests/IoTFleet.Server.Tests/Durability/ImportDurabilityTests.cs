using System.Globalization;
using System.Net.Http.Headers;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>An import is killed in the middle and done again: what was told of is there, and the rest follows.</summary>
public sealed class ImportDurabilityTests
{
    private const int Rows = 20_000;
    private const int ToldBeforeDeath = 3_000;

    [Fact]
    public async Task An_import_that_was_killed_in_the_middle_is_finished_by_doing_it_again()
    {
        using var folder = new TemporaryFolder();
        await using var server = new MortalServer(folder);
        await server.StartAsync();

        var told = await ImportUntilAsync(folder.Path, await server.WhenUpAsync(CancellationToken.None), ToldBeforeDeath, server.KillAsync);
        await server.StartAsync();

        using var fleet = await ClientAsync(folder.Path, await server.WhenUpAsync(CancellationToken.None));
        var rows = await fleet.ImportAsync(Csv(), csv: true, dryRun: false);
        Assert.Equal(Rows, rows.Count);
        Assert.All(rows.Take(told), row => Assert.Equal("unchanged", row.Outcome));      // told of, so committed
        Assert.Contains(rows, row => row.Outcome == "registered");      // else it was not killed in the middle
        Assert.All(rows, row => Assert.True(row.Outcome is "unchanged" or "registered", row.Problem));
        Assert.All(await fleet.ImportAsync(Csv(), csv: true, dryRun: true), row => Assert.Equal("unchanged", row.Outcome));
    }

    private static async Task<int> ImportUntilAsync(string data, ServerFile ready, int enough, Func<Task> kill)
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(Path.Combine(data, "ca", "root.pem")).CreateHandler()) { Timeout = TimeSpan.FromMinutes(5) };
        using var body = new StringContent(Csv(), new MediaTypeHeaderValue("text/csv"));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Root(ready), "api/v1/import")) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await KeyAsync(data));
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var told = 0;
        while (told < enough && await lines.ReadLineAsync() is not null) told++;
        Assert.Equal(enough, told);

        await kill();
        return told;
    }

    private static async Task<FleetClient> ClientAsync(string data, ServerFile ready) =>
        new(Root(ready), await KeyAsync(data), ServerTrust.FromRootFile(Path.Combine(data, "ca", "root.pem")));

    private static Uri Root(ServerFile ready) => new($"https://localhost:{ready.HttpsPort}");

    private static async Task<string> KeyAsync(string data) => (await File.ReadAllTextAsync(Path.Combine(data, "admin.key"))).Trim();

    private static string Csv() => "id,displayName\n" + string.Concat(Enumerable.Range(0, Rows).Select(i => string.Create(CultureInfo.InvariantCulture, $"import-{i:00000},Pump {i}\n")));
}
