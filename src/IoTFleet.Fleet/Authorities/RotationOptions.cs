namespace IoTFleet.Fleet.Authorities;

/// <summary>When a rotation may go on.</summary>
public sealed record RotationOptions
{
    /// <summary>How many of the devices seen lately must hold a bundle with the new authority before it may sign, in percent. 0 to 100.</summary>
    public int AdoptionPercent { get; init; } = 95;

    /// <summary>A device counts when it was connected within so many days; one that was not holds nothing up. 1 to 366.</summary>
    public int SeenDays { get; init; } = 30;

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        if (AdoptionPercent is < 0 or > 100) throw new ArgumentException($"Rotation:AdoptionPercent is {AdoptionPercent}; it must be 0 to 100.");
        if (SeenDays is < 1 or > 366) throw new ArgumentException($"Rotation:SeenDays is {SeenDays}; it must be 1 to 366.");
    }
}
