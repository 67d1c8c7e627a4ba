using Microsoft.EntityFrameworkCore.Infrastructure;

namespace IoTFleet.Fleet.SqlServer;

/// <summary>A server's usual collation takes 'Pump-1' for 'pump-1' and ignores blanks at the end.</summary>
internal sealed class ByteByByte(ModelCustomizerDependencies dependencies) : OrdinalTexts(dependencies, "Latin1_General_100_BIN2");
