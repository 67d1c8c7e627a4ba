using IoTFleet.Mqtt;

namespace IoTFleet.Fuzz;

/// <summary>What one hostile client sends, in which pieces, and how it goes.</summary>
/// <param name="Cuts">Offsets at which a new piece begins, in order.</param>
/// <param name="Reads">False: it never reads what it is sent.</param>
internal sealed record FuzzCase(long Number, ProtocolVersion Version, byte[] Bytes, int[] Cuts, bool Reads)
{
    public override string ToString() => $"case {Number}, {Version}, cut at [{string.Join(' ', Cuts)}]{(Reads ? "" : ", does not read")}: {Convert.ToHexString(Bytes)}";
}

/// <summary>A case that the broker did not stand.</summary>
internal sealed class FuzzFailure(FuzzCase failed, int seed, string what)
    : Exception($"{what}{Environment.NewLine}{failed}{Environment.NewLine}Again: --seed {seed} --from {failed.Number} --cases 1; with what came before it: --from {failed.Number / FuzzRun.BatchSize * FuzzRun.BatchSize}");
