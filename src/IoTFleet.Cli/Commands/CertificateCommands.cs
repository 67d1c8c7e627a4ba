using System.CommandLine;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet certs forecast|renew</c></summary>
internal static class CertificateCommands
{
    private static readonly Option<int> Hours = new("--hours") { Description = "Show so many hours, those in which nothing ends left out", DefaultValueFactory = _ => 48 };
    private static readonly Option<string?> Device = new("--device") { Description = "One device" };
    private static readonly Option<string?> Group = new("--group") { Description = "The devices of an enrolment group" };
    private static readonly Option<bool> All = new("--all") { Description = "Every device" };

    public static Command Create(VerbFactory verb) => new("certs", "Certificates of devices")
    {
        verb("forecast", "When certificates end, and who would be the first to go if the authority stopped now", [Hours], ForecastAsync),
        verb("renew", "Ask devices to renew before their time, spread over a while", [Device, Group, All], RenewAsync),
    };

    private static async Task ForecastAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var hours = parsed.GetValue(Hours);
        var forecast = await fleet.GetForecastAsync(cancellationToken);
        output.One(forecast, ApiJson.Default.CertificateForecast,
            ("devices", forecast.Devices.ToString(CultureInfo.InvariantCulture)),
            ("first device dies", forecast.FirstDiesAt is { } first ? $"in {Span(first - forecast.At)}, {Output.Time(first)} ({forecast.FirstToDie})" : null),
            ("one percent dead", forecast.OnePercentDeadAt is { } percent ? $"in {Span(percent - forecast.At)}, {Output.Time(percent)}" : null),
            ("renewals needed", $"{forecast.RenewalsPerSecond.ToString("0.####", CultureInfo.InvariantCulture)} a second"),
            ("ending in 24 hours", Sum(forecast, 24)),
            ("ending in 7 days", Sum(forecast, 7 * 24)),
            ("ending in 90 days", Sum(forecast, 90 * 24)));
        foreach (var missed in forecast.Missed) output.Say($"{missed.Devices} devices missed {missed.Renewals} renewals: {string.Join(", ", missed.Examples)}{(missed.Devices > missed.Examples.Count ? ", ..." : "")}");
        for (var hour = 0; hour < Math.Min(hours, forecast.EndingPerHour.Count); hour++)
        {
            if (forecast.EndingPerHour[hour] > 0) output.Say($"{Output.Time(forecast.At.AddHours(hour))}  {forecast.EndingPerHour[hour]}");
        }
    }

    private static async Task RenewAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var (device, group, all) = (parsed.GetValue(Device), parsed.GetValue(Group), parsed.GetValue(All));
        if ((device is null ? 0 : 1) + (group is null ? 0 : 1) + (all ? 1 : 0) != 1) throw new UsageException("Name one of --device, --group and --all.");
        var requested = await fleet.RequestRenewalsAsync(new RequestRenewalsRequest { DeviceId = device, GroupId = group }, cancellationToken);
        output.One(requested, ApiJson.Default.RenewalsRequested,
            ("devices", requested.Devices.ToString(CultureInfo.InvariantCulture)),
            ("spread over", Span(TimeSpan.FromSeconds(requested.OverSeconds))));
    }

    private static string Sum(CertificateForecast forecast, int hours) => forecast.EndingPerHour.Take(hours).Sum().ToString(CultureInfo.InvariantCulture);

    private static string Span(TimeSpan span) => span.TotalDays >= 2 ? $"{span.TotalDays.ToString("0.0", CultureInfo.InvariantCulture)} days" : $"{span.TotalHours.ToString("0.0", CultureInfo.InvariantCulture)} hours";
}
