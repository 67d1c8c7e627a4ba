using System.Collections.Frozen;

namespace IoTFleet.Fleet.Refusals;

/// <summary>
/// The one list of reasons to turn somebody away, wherever it happens; docs/reasons.md is made from it. The broker below us uses its codes
/// as plain strings: a test joins them. Who refuses for a new reason adds it here.
/// </summary>
public static partial class ReasonCodes
{
    /// <summary>Every reason there is, in the order of the page.</summary>
    public static IReadOnlyList<Reason> All { get; } =
    [
        .. Transport, .. Certificates, .. Devices, .. Connecting, .. Credentials, .. EnrolmentGroups, .. EnrolmentLimits, .. Requests, .. Renewals, .. Messages, .. Payloads, .. Twins, .. Protocols,
    ];

    private static readonly FrozenDictionary<string, Reason> ByCode = All.ToFrozenDictionary(reason => reason.Code, StringComparer.Ordinal);

    public static Reason? Find(string code) => ByCode.GetValueOrDefault(code);

    private static Reason Told(string code, RefusedAt at, string meaning, string whatToDo) => new(code, at, meaning, whatToDo, MayTell: true);

    private static Reason Untold(string code, RefusedAt at, string meaning, string whatToDo) => new(code, at, meaning, whatToDo, MayTell: false);
}
