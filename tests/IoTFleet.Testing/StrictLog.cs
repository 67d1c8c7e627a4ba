using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>Keeps what was logged; a test fails on an error it did not expect.</summary>
public sealed class StrictLog : ILoggerProvider
{
    private readonly ConcurrentQueue<(LogLevel Level, EventId Id, string Text)> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines.Select(line => line.Text)];

    /// <summary>How often this event was logged.</summary>
    public int Count(string eventName) => _lines.Count(line => line.Id.Name == eventName);

    /// <summary>The broker, or the server, logged no warning and no error, except the events named here.</summary>
    public void AssertClean(params string[] expectedEvents)
    {
        var errors = _lines.Where(line => line.Level >= LogLevel.Warning && !expectedEvents.Contains(line.Id.Name)).Select(line => line.Text).ToList();
        Assert.True(errors.Count == 0, "Unexpected in the log: " + string.Join(Environment.NewLine, errors));
    }

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Logger(StrictLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log._lines.Enqueue((logLevel, eventId, $"{logLevel} {category} {formatter(state, exception)} {exception}"));
    }
}
