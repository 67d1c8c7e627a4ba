namespace IoTFleet.Crash.Soak;

/// <summary>What happens to one connection on the rough road, once its time has come.</summary>
internal enum Fate
{
    /// <summary>Nothing but latency.</summary>
    Spared,

    /// <summary>RST to both ends.</summary>
    Reset,

    /// <summary>FIN to both ends.</summary>
    Closed,

    /// <summary>What the device sends is swallowed; what the server sends arrives.</summary>
    SilentUp,

    /// <summary>What the server sends is swallowed; what the device sends arrives.</summary>
    SilentDown,

    /// <summary>Both are swallowed, and neither end hears that the other has gone.</summary>
    Silent,

    /// <summary>Nothing is read any more, so that the senders' buffers fill.</summary>
    Stalled,

    /// <summary>A few bytes at a time.</summary>
    Dripping,
}
