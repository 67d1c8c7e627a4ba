using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace IoTFleet.Fleet;

/// <summary>
/// A query that is compiled once for each kind of database, because EF's compiled queries stay with the model they were first run on. A server has
/// one kind; a process that has several, such as the tests, gets one compilation for each.
/// </summary>
internal sealed class CompiledFor<TQuery>(Func<TQuery> compile)
    where TQuery : Delegate
{
    private readonly ConditionalWeakTable<IModel, TQuery> _queries = [];

    internal TQuery In(DbContext db) => _queries.GetValue(db.Model, _ => compile());
}
