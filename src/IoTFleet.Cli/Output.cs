using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace IoTFleet.Cli;

/// <summary>Results on standard output: tables for people, or JSON as the API has it for programs.</summary>
internal sealed class Output(TextWriter writer, bool json)
{
    private const int NoWrap = 10_000; // a table that is cut at a pipe's made-up width helps nobody

    /// <summary>One thing: a line for each of its facts; facts without a value are left out.</summary>
    public void One<T>(T value, JsonTypeInfo<T> type, params ReadOnlySpan<(string Name, string? Value)> facts)
    {
        if (json)
        {
            WriteJson(document => JsonSerializer.Serialize(document, value, type));
            return;
        }
        var table = NewTable().HideHeaders().AddColumns("", "");
        foreach (var (name, text) in facts)
        {
            if (text is not null) table.AddRow(new Text(name), new Text(text));
        }
        Print(table);
    }

    /// <summary>What was done on this machine, which no API has a shape for.</summary>
    public void Facts(params ReadOnlySpan<(string Name, string? Value)> facts)
    {
        var shown = facts.ToArray();
        if (json)
        {
            WriteJson(document =>
            {
                document.WriteStartObject();
                foreach (var (name, value) in shown) document.WriteString(name, value);
                document.WriteEndObject();
            });
            return;
        }
        var table = NewTable().HideHeaders().AddColumns("", "");
        foreach (var (name, text) in shown) table.AddRow(new Text(name), new Text(text ?? "-"));
        Print(table);
    }

    /// <summary>Many things: a line each.</summary>
    public void Many<T>(IReadOnlyList<T> values, JsonTypeInfo<T> type, params ReadOnlySpan<(string Header, Func<T, string?> Value)> columns)
    {
        if (json)
        {
            WriteJson(document => WriteArray(document, values, type));
            return;
        }
        var shown = columns.ToArray();
        var table = NewTable();
        foreach (var (header, _) in shown) table.AddColumn(new TableColumn(new Text(header)).NoWrap());
        foreach (var value in values) table.AddRow(shown.Select(column => new Text(column.Value(value) ?? "-")));
        Print(table);
    }

    /// <summary>One of many that come one after the other: a line, as JSON or as text.</summary>
    public void Line<T>(T value, JsonTypeInfo<T> type, string text) => writer.WriteLine(json ? JsonSerializer.Serialize(value, type) : text);

    /// <summary>A sentence for people; programs have the exit code.</summary>
    public void Say(string sentence)
    {
        if (!json) writer.WriteLine(sentence);
    }

    /// <summary>A time as tables show it, UTC.</summary>
    public static string? Time(DateTimeOffset? time) => time?.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'");

    private static void WriteArray<T>(Utf8JsonWriter document, IReadOnlyList<T> values, JsonTypeInfo<T> type)
    {
        document.WriteStartArray();
        foreach (var value in values) JsonSerializer.Serialize(document, value, type);
        document.WriteEndArray();
    }

    private void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var document = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true })) write(document);
        writer.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static Table NewTable() => new Table().Border(TableBorder.None);

    private void Print(Table table)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer), Ansi = AnsiSupport.No });
        console.Profile.Width = NoWrap;
        console.Write(table);
    }
}
