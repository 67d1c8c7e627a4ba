using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Operators;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using Microsoft.AspNetCore.Http;

namespace IoTFleet.Server.Tests;

public sealed class TelemetryQueryTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Values_history_and_buckets_of_a_device_come_by_rest()
    {
        await RegisterAsync("pump-1", "pump-2");
        await StoreAsync("pump-1", 0, """{"t":20.50,"on":true,"at":{"name":"hall"}}""");
        await StoreAsync("pump-1", 61, """{"t":22.50}""");
        await StoreAsync("pump-2", 0, """{"t":30}""");

        var values = await _server.Client.GetTelemetryValuesAsync("pump-1");
        Assert.Equal(["at.name=hall", "on=True", "t=22.5"], values.Values.Select(value => $"{value.Metric}={value.Value}"));
        var many = await _server.Client.GetTelemetryValuesPageAsync(new TelemetryDevices(), ["t"]);
        Assert.Equal(["pump-1=22.5", "pump-2=30"], many.Items.Select(device => $"{device.DeviceId}={device.Values[0].Value}"));

        var history = await _server.Client.GetTelemetryHistoryAsync("pump-1", ["t", "at.name"]).ToListAsync();
        Assert.Equal(["t=20.50 at.name=\"hall\"", "t=22.50"], history.Select(reading => string.Join(' ', reading.Values.Select(value => $"{value.Key}={value.Value.GetRawText()}"))));

        var buckets = await _server.Client.GetTelemetryBucketsAsync(new TelemetryBucketsQuery
        {
            Devices = new TelemetryDevices(),
            Metrics = ["t"],
            From = Noon,
            To = Noon.AddMinutes(2),
            Bucket = "1m",
            Aggregates = ["max", "p50"],
        });
        Assert.Equal(
            [new TelemetryBucket { Start = Noon, Count = 2, Max = 30, P50 = 20.5 }, new TelemetryBucket { Start = Noon.AddMinutes(1), Count = 1, Max = 22.5, P50 = 22.5 }],
            Assert.Single(buckets.Series).Buckets);
        Assert.Equal((2, 0d), (buckets.Devices, buckets.PercentileError));
    }

    [Fact]
    public async Task Newest_values_are_the_json_that_the_api_s_own_records_make()
    {
        await RegisterAsync("a", "b", "c");
        await StoreAsync("a", 0, """{"t":20.50,"on":true,"at":{"name":"<hall> \"2\" \u00e9\n"},"much":1e999,"little":-1e999,"small":1e-7,"large":123456789012345678}""");
        await StoreAsync("c", 0, """{"t":-0.0}""");
        using var answer = await GetAsync("-/values?limit=2");
        var json = await answer.Content.ReadAsStringAsync();

        var page = JsonSerializer.Deserialize(json, ApiJson.Default.PageTelemetryValues)!;
        Assert.True(JsonNode.DeepEquals(JsonSerializer.SerializeToNode(page, ApiJson.Default.PageTelemetryValues), JsonNode.Parse(json)), json);
        Assert.Equal(("application/json", "b", null, 0), (answer.Content.Headers.ContentType?.MediaType, page.Next, page.Items[1].LastReceivedAt, page.Items[1].Values.Count));
        Assert.Equal(
            ["at.name=<hall> \"2\" \u00e9\n", "large=1.2345678901234568E+17", "little=-Infinity", "much=Infinity", "on=True", "small=1E-07", "t=20.5"],
            page.Items[0].Values.Select(value => $"{value.Metric}={value.Value}"));
        var rest = await _server.Client.GetTelemetryValuesPageAsync(new TelemetryDevices(), cursor: page.Next);
        Assert.Equal(("c", (string?)null), (Assert.Single(rest.Items).DeviceId, rest.Next));
    }

    [Fact]
    public async Task An_export_streams_csv()
    {
        await RegisterAsync("pump-1");
        await StoreAsync("pump-1", 0, """{"t":20.50}""");
        using var file = new MemoryStream();

        await _server.Client.ExportTelemetryAsync(TelemetryDevices.Of("pump-1"), "csv", file, ["t"]);

        Assert.Equal("device,stream,time,receivedAt,sequence,t\r\npump-1,,2026-01-31T12:00:00.000000Z,2026-01-31T12:00:00.000000Z,,20.50\r\n", Encoding.UTF8.GetString(file.ToArray()));
    }

    [Fact]
    public async Task The_live_view_ends_when_the_key_is_revoked()
    {
        await RegisterAsync("pump-1");
        var key = Assert.IsType<CreateKeyResult.Created>(await _server.Get<CreateKey>().RunAsync(Actor.System, new Fleet.Operators.CreateKeyRequest("vic", Role.Viewer), default));
        using var viewer = new FleetClient(new Uri($"https://localhost:{_server.HttpsPort}"), key.Secret.Reveal(), ServerTrust.FromRootFile(_server.RootFile));
        await using var events = viewer.WatchTelemetryAsync(TelemetryDevices.Of("pump-1"), ["t"]).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        Assert.Null(events.Current.Record);

        await StoreAsync("pump-1", 1, """{"x":1}""");
        await StoreAsync("pump-1", 2, """{"t":2.0}""");
        Assert.True(await events.MoveNextAsync());
        Assert.Equal("""{"t":2.0}""", events.Current.Record!.Body.GetRawText());

        await _server.Get<RevokeKey>().RunAsync(Actor.System, new Fleet.Operators.RevokeKeyRequest(key.Key.Id), default);
        while (await events.MoveNextAsync()) Assert.Null(events.Current.Record); // it ends, and says nothing more before
    }

    [Fact]
    public async Task The_live_view_does_not_keep_the_server_from_stopping()
    {
        await using var events = _server.Client.WatchTelemetryAsync(new TelemetryDevices()).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        var next = events.MoveNextAsync().AsTask();

        await _server.RestartAsync();

        Assert.False(await next);
    }

    [Theory]
    [InlineData("pump-1/buckets?to=2026-01-01T00:00:00Z&bucket=1m", "'from' is needed")]
    [InlineData("pump-1/buckets?from=x&to=2026-01-01T00:00:00Z&bucket=1m", "'from' must be a time")]
    [InlineData("pump-1/buckets?from=2025-01-01&to=2026-01-01&bucket=1y", "'bucket' must be a width")]
    [InlineData("pump-1/buckets?from=2025-01-01&to=2026-01-01&bucket=1s", "more than 10000 buckets")]
    [InlineData("pump-1/buckets?from=2026-01-01&to=2025-01-01&bucket=1h", "'from' must be before 'to'")]
    [InlineData("pump-1/buckets?from=2025-01-01&to=2026-01-01&bucket=1d&gaps=zero", "'gaps' must be one of none, null, previous, linear, not 'zero'")]
    [InlineData("pump-1/buckets?from=2025-01-01&to=2026-01-01&bucket=1d&aggregates=min,median", "'aggregates' must be of count")]
    [InlineData("pump-1/buckets?from=2025-01-01&to=2026-01-01&bucket=1d&metrics=t", "no parameter 'metrics'")]
    [InlineData("pump-1/history?limit=0", "'limit' must be a number from 1 to 1000")]
    [InlineData("pump-1/history?order=down", "'order' must be one of asc, desc")]
    [InlineData("pump-1/history?metric=", "'metric' must have 1 to 256 characters")]
    [InlineData("-/values?device=Pump", "'Pump' is not a device id")]
    [InlineData("-/values?group=a&group=b", "'group' is given 2 times")]
    [InlineData("pump-1/export?format=xls", "'format' must be one of csv, ndjson")]
    [InlineData("pump-1/live?since=1", "no parameter 'since'")]
    public async Task A_wrong_parameter_is_named_with_what_it_should_be(string path, string why)
    {
        await RegisterAsync("pump-1");
        using var answer = await GetAsync(path);
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());

        Assert.Equal((StatusCodes.Status400BadRequest, ApiProblem.MediaType), ((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        Assert.Contains(why, problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nobody/values")]
    [InlineData("nobody/history")]
    [InlineData("nobody/buckets?from=2025-01-01&to=2026-01-01&bucket=1d")]
    [InlineData("nobody/export")]
    [InlineData("nobody/live")]
    public async Task A_device_that_does_not_exist_is_not_found(string path)
    {
        using var answer = await GetAsync(path);
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal((404, ProblemCodes.DeviceNotFound), ((int)answer.StatusCode, problem.RootElement.GetProperty("code").GetString()));
    }

    private async Task<HttpResponseMessage> GetAsync(string path)
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(_server.RootFile).CreateHandler());
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _server.ApiKey);
        return await http.GetAsync(new Uri($"https://localhost:{_server.HttpsPort}/api/v1/telemetry/{path}"));
    }

    private async Task RegisterAsync(params string[] devices)
    {
        foreach (var id in devices) await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = id });
    }

    private async Task StoreAsync(string device, int second, string json) => await await _server.Get<TelemetryIngest>().AcceptAsync(
        new TelemetryMessage(device, "", Noon, null, null, default, [new Reading(Noon.AddSeconds(second), true, Encoding.UTF8.GetBytes(json))]), default);
}
