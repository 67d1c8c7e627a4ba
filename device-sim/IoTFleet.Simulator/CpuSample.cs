using System.ComponentModel;
using System.Diagnostics;

namespace IoTFleet.Simulator;

/// <summary>How much a process had used at a moment; two samples of one process give its use in between.</summary>
internal sealed record CpuSample(int ProcessId, TimeSpan Cpu, long MemoryBytes)
{
    /// <summary>A sample of a process on this machine; null when it is not there or not ours to look at.</summary>
    public static CpuSample? Take(int? processId)
    {
        if (processId is null) return null;
        try
        {
            using var process = Process.GetProcessById(processId.Value);
            return new CpuSample(processId.Value, process.TotalProcessorTime, process.WorkingSet64);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception) { return null; }
    }

    /// <summary>CPU time used since an earlier sample; null when the process is another one by now.</summary>
    public TimeSpan? Since(CpuSample? earlier) => earlier?.ProcessId == ProcessId ? Cpu - earlier.Cpu : null;
}
