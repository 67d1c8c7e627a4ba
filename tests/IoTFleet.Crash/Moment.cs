namespace IoTFleet.Crash;

/// <summary>When in its life the server is killed.</summary>
internal enum Moment
{
    /// <summary>In the first 100 ms of its process.</summary>
    Birth,

    /// <summary>Somewhere on its way to being ready: while it migrates, takes in its log, loads sessions, opens its ports.</summary>
    Recovery,

    /// <summary>Under load, with everything since the last start in the log alone.</summary>
    Load,

    /// <summary>Under load, while merges and rollups follow one another without a pause.</summary>
    Merge,
}
