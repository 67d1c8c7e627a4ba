using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>One metric of Sparkplug B as it stands in the payload.</summary>
internal ref struct SparkplugMetric
{
    /// <summary>Numbers of Sparkplug B 3.0, 6.4.16.</summary>
    private enum Datatype : uint
    {
        Unknown, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float, Double, Boolean, String, DateTime, Text, Uuid, DataSet, Bytes, File,
    }

    private enum Held { Nothing, Int = 10, Long, Float, Double, Boolean, String, Bytes, DataSet, Template, Extension }

    private Datatype _datatype;
    private Held _held;
    private ulong _bits;
    private ReadOnlySpan<byte> _content;
    private bool _isNull;

    public ReadOnlySpan<byte> Name { get; private set; }

    public bool HasAlias { get; private set; }

    public ulong Alias { get; private set; }

    public ulong? Time { get; private set; }

    public static SparkplugMetric Read(ReadOnlySpan<byte> bytes)
    {
        var metric = default(SparkplugMetric);
        for (var fields = new ProtobufReader(bytes); fields.Read();) metric.Take(fields);
        return metric;
    }

    public readonly void Write(JsonOutput output)
    {
        var json = output.Json;
        if (_isNull || _held == Held.Nothing)
        {
            json.WriteNullValue();
            return;
        }

        switch (_held)
        {
            case Held.Int or Held.Long when _datatype == Datatype.DateTime: json.WriteStringValue(Date()); break;
            case Held.Int or Held.Long when _datatype == Datatype.Boolean: json.WriteBooleanValue(_bits != 0); break;
            case Held.Int or Held.Long: Integer(json); break;
            case Held.Float: output.Write(BitConverter.UInt32BitsToSingle((uint)_bits)); break;
            case Held.Double: output.Write(BitConverter.UInt64BitsToDouble(_bits)); break;
            case Held.Boolean: json.WriteBooleanValue(_bits != 0); break;
            case Held.String when Utf8.IsValid(_content): json.WriteStringValue(_content); break;
            case Held.String: throw new PayloadProblem(PayloadCodes.NotUtf8, $"the text of {ForPeople()} is not valid UTF-8");
            case Held.Bytes when _datatype is Datatype.Bytes or Datatype.File or Datatype.Unknown: json.WriteStringValue(Base64Url.EncodeToUtf8(_content)); break;
            default: throw new PayloadProblem(PayloadCodes.Unsupported, $"{ForPeople()} is a data set, a template, an array or an extension");
        }
    }

    private void Take(in ProtobufReader field)
    {
        switch (field.Field)
        {
            case 1: Name = field.Content("a name"); break;
            case 2: (Alias, HasAlias) = (field.Varint("an alias"), true); break;
            case 3: Time = field.Varint("a timestamp"); break;
            case 4: _datatype = (Datatype)field.Varint("a datatype"); break;
            case 7: _isNull = field.Varint("is_null") != 0; break;
            case (int)Held.Int: Hold(Held.Int, (uint)field.Varint("int_value")); break;
            case (int)Held.Long: Hold(Held.Long, field.Varint("long_value")); break;
            case (int)Held.Float: Hold(Held.Float, field.Fixed32("float_value")); break;
            case (int)Held.Double: Hold(Held.Double, field.Fixed64("double_value")); break;
            case (int)Held.Boolean: Hold(Held.Boolean, field.Varint("boolean_value")); break;
            case >= (int)Held.String and <= (int)Held.Extension:
                Hold((Held)field.Field, 0);
                _content = field.Content("a value");
                break;
        }
    }

    private void Hold(Held held, ulong bits) => (_held, _bits) = (held, bits);

    private readonly string Date() => _bits <= EpochText.MaxMilliseconds
        ? EpochText.Of(DateTimeOffset.FromUnixTimeMilliseconds((long)_bits))
        : throw new PayloadProblem(PayloadCodes.BadTime, $"{ForPeople()} is no time before the year 10000");

    /// <summary>
    /// Signed ones are written as two's complement of 32 or 64 bits, by some libraries of their own width. Where the datatype is missing, as
    /// 3.0 has it after a birth, a number with the highest bit set may be either.
    /// </summary>
    private readonly void Integer(Utf8JsonWriter json)
    {
        var wide = _held == Held.Long;
        switch (_datatype)
        {
            case Datatype.Int8: json.WriteNumberValue(Signed(8)); break;
            case Datatype.Int16: json.WriteNumberValue(Signed(16)); break;
            case Datatype.Int32: json.WriteNumberValue(Signed(32)); break;
            case Datatype.Int64: json.WriteNumberValue(wide ? (long)_bits : (int)_bits); break;
            case Datatype.UInt8: json.WriteNumberValue(Unsigned(byte.MaxValue)); break;
            case Datatype.UInt16: json.WriteNumberValue(Unsigned(ushort.MaxValue)); break;
            case Datatype.UInt32: json.WriteNumberValue(Unsigned(uint.MaxValue)); break;
            case Datatype.UInt64: json.WriteNumberValue(_bits); break;
            case Datatype.Unknown when _bits <= (wide ? (ulong)long.MaxValue : int.MaxValue): json.WriteNumberValue(_bits); break;
            case Datatype.Unknown: throw new PayloadProblem(PayloadCodes.DatatypeMissing, $"{ForPeople()} needs its datatype: {_bits} may be negative");
            default: throw ProtobufReader.Malformed($"{ForPeople()} has an integer and is of datatype {(uint)_datatype}");
        }
    }

    private readonly long Signed(int width)
    {
        var value = _held == Held.Long ? (long)_bits : (int)_bits;
        if (value == value << (64 - width) >> (64 - width)) return value;
        if (value >= 0 && value >> width == 0) return value << (64 - width) >> (64 - width);
        throw new PayloadProblem(PayloadCodes.BadNumber, $"{ForPeople()} does not fit into {width} bits");
    }

    private readonly ulong Unsigned(ulong largest) => _bits <= largest
        ? _bits
        : throw new PayloadProblem(PayloadCodes.BadNumber, $"{ForPeople()} is larger than {largest}");

    private readonly string ForPeople() => $"metric {JsonEncodedText.Encode(Encoding.UTF8.GetString(Name[..Math.Min(80, Name.Length)]))}";
}
