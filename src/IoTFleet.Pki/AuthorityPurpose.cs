namespace IoTFleet.Pki;

/// <summary>What an authority is for. The root signs authorities; each of the others issues to one kind of holder.</summary>
public enum AuthorityPurpose { Root, Devices, Claims, Servers, Services }
