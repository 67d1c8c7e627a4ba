namespace IoTFleet.Crash.Devices;

/// <summary>Sends numbered readings at QoS 1 as fast as they are acknowledged, through any number of the server's lives.</summary>
internal interface ICrashDevice
{
    Promises Promises { get; }

    /// <param name="enrolled">Completed when the device has its certificate.</param>
    /// <param name="done">Ends the sending; what is not acknowledged by then is no promise.</param>
    Task RunAsync(TaskCompletionSource enrolled, CancellationToken done);
}
