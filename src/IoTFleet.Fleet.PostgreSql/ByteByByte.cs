using Microsoft.EntityFrameworkCore.Infrastructure;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>A database made with a language's collation would order texts by it, and an index could not serve a prefix.</summary>
internal sealed class ByteByByte(ModelCustomizerDependencies dependencies) : OrdinalTexts(dependencies, "C");
