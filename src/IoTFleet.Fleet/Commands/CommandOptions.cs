namespace IoTFleet.Fleet.Commands;

/// <summary>What commands may be, and for how long they are kept.</summary>
public sealed class CommandOptions
{
    public static readonly TimeSpan LeastTimeout = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(7);

    /// <summary>From sending to the deadline, when nobody says otherwise.</summary>
    public TimeSpan DefaultTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Commands of one device that are neither answered nor over.</summary>
    public int MaxOpenPerDevice { get; set; } = 100;

    /// <summary>Bytes of a command's payload.</summary>
    public int MaxPayloadBytes { get; set; } = 65_536;

    /// <summary>Bytes of an answer, its status included.</summary>
    public int MaxAnswerBytes { get; set; } = 65_536;

    /// <summary>For how many days a command is kept after its end.</summary>
    public int KeepDays { get; set; } = 30;

    /// <exception cref="ArgumentException">A setting is out of its range.</exception>
    public void Validate()
    {
        if (DefaultTimeout < LeastTimeout || DefaultTimeout > LongestTimeout) throw new ArgumentException("Commands:DefaultTimeout must be between 00:00:01 and 7.00:00:00.");
        Require(MaxOpenPerDevice, 1, 100_000, nameof(MaxOpenPerDevice));
        Require(MaxPayloadBytes, 64, 16_777_216, nameof(MaxPayloadBytes));
        Require(MaxAnswerBytes, 64, 16_777_216, nameof(MaxAnswerBytes));
        Require(KeepDays, 1, 3_650, nameof(KeepDays));
    }

    private static void Require(int value, int least, int most, string name)
    {
        if (value < least || value > most) throw new ArgumentException($"Commands:{name} must be between {least} and {most}.");
    }
}
