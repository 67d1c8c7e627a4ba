using System.Formats.Asn1;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace IoTFleet.Pki.Linting;

/// <summary>
/// Our rules for revocation lists as code (docs/pki.md), over the bytes that are to be signed. A list must say exactly what was ordered, and be one that is
/// allowed. Over spans, because a list may have a million entries; shares nothing with the code that builds lists.
/// </summary>
internal sealed partial class CrlLint
{
    private const int MaxNumber = 20; // octets, RFC 5280 5.2.3
    private static readonly TimeSpan MaxLife = TimeSpan.FromDays(10);
    private static readonly TimeSpan MaxLifeOfAuthorities = TimeSpan.FromDays(90);
    private static readonly TimeSpan Clocks = TimeSpan.FromMinutes(5);

    private readonly List<LintFinding> _findings = [];
    private readonly RevocationList _list;
    private readonly IssuerFacts _issuer;

    private CrlLint(RevocationList list, IssuerFacts issuer) => (_list, _issuer) = (list, issuer);

    /// <returns>Every rule that the list breaks; none when it may be signed.</returns>
    public static IReadOnlyList<LintFinding> Check(ReadOnlySpan<byte> toBeSigned, RevocationList list, IssuerFacts issuer, DateTimeOffset now)
    {
        var lint = new CrlLint(list, issuer);
        try
        {
            lint.Check(new DerSpan(toBeSigned), now);
            return lint._findings;
        }
        catch (AsnContentException malformed)
        {
            return [.. lint._findings, new LintFinding("L-1.der", $"the list is not DER of the shape we issue: {malformed.Message}")];
        }
    }

    private void Check(DerSpan outer, DateTimeOffset now)
    {
        var fields = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        Require(fields.ReadInteger() == 1, "L-1.version", "the version is not 2");
        Require(fields.ReadEncoded().SequenceEqual(_issuer.SignatureAlgorithm), "L-1.algorithm", "the algorithm is not the issuer's ECDSA with the hash of its curve");
        Require(fields.ReadEncoded().SequenceEqual(_issuer.Subject), "L-1.issuer", "the issuer's name is not the authority's, byte for byte");
        CheckTimes(ReadTime(ref fields), ReadTime(ref fields), now);
        if (fields.HasData && fields.Tag == Asn1Tag.Sequence) CheckEntries(fields.ReadSequence());
        else Require(_list.Entries.Count == 0, "order.entries", "the entries that were ordered are missing");
        var wrapper = fields.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true));
        fields.ThrowIfNotEmpty();
        CheckExtensions(wrapper.ReadSequence());
        wrapper.ThrowIfNotEmpty();
    }

    private void CheckTimes(DateTimeOffset thisUpdate, DateTimeOffset nextUpdate, DateTimeOffset now)
    {
        Require(Seconds(thisUpdate) == Seconds(_list.ThisUpdate) && Seconds(nextUpdate) == Seconds(_list.NextUpdate), "order.times", "its times are not those that were decided");
        Require(thisUpdate < nextUpdate && nextUpdate > now, "L-3.order", "it ends before it begins, or has ended");
        Require(thisUpdate <= now && thisUpdate >= now - Clocks, "L-3.this-update", $"it does not begin now, give or take {Clocks.TotalMinutes} minutes");
        var life = _list.OfAuthorities ? MaxLifeOfAuthorities : MaxLife;
        Require(nextUpdate - thisUpdate <= life, "L-3.life", $"it is believed for longer than {life.TotalDays} days");
        Require(Seconds(nextUpdate) <= Seconds(_issuer.NotAfter), "L-3.outlives", "it outlives its issuer");
        Require(_list.OfAuthorities == _issuer.Purposes is null, "L-6.scope", "a root lists authorities, and nobody else does");
    }

    private void CheckExtensions(DerSpan extensions)
    {
        var point = _list.DistributionPoint is not null || _list.OfAuthorities;
        string[] expected = [Oids.AuthorityKeyIdentifier, Oids.CrlNumber, .. point ? [Oids.IssuingDistributionPoint] : Array.Empty<string>()];
        var found = new List<string>();
        while (extensions.HasData)
        {
            var (oid, critical, value) = ReadExtension(ref extensions);
            found.Add(oid);
            Require(critical == (oid == Oids.IssuingDistributionPoint), "L-1.critical", $"the extension {oid} has the wrong criticality");
            if (oid == Oids.AuthorityKeyIdentifier) Require(value.SequenceEqual((byte[])[0x30, 0x16, 0x80, 0x14, .. _issuer.KeyId]), "L-1.authority-key", "the authority key identifier is not the issuer's, by key only");
            else if (oid == Oids.CrlNumber) CheckNumber(new DerSpan(value));
            else if (oid == Oids.IssuingDistributionPoint) CheckPoint(new DerSpan(value));
        }
        Require(found.SequenceEqual(expected), "L-1.extensions", "its extensions are not authority key, number and, where it is one of several, the distribution point");
    }

    private void CheckNumber(DerSpan value)
    {
        var number = value.ReadInteger();
        value.ThrowIfNotEmpty();
        Require(number == _list.Number, "order.number", "the number is not the one that was decided");
        Require(number > BigInteger.Zero && number.GetByteCount() <= MaxNumber, "L-1.number", "the number is not positive, or longer than 20 octets");
    }

    /// <summary>One URL where there is one, and what kind of certificates the list is for. RFC 5280 5.2.5</summary>
    private void CheckPoint(DerSpan value)
    {
        var tag0 = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        var point = value.ReadSequence();
        value.ThrowIfNotEmpty();
        string? url = null;
        if (point.HasData && point.Tag == tag0)
        {
            var name = point.ReadSequence(tag0);
            var full = name.ReadSequence(tag0);
            url = full.ReadText(new Asn1Tag(TagClass.ContextSpecific, 6));
            full.ThrowIfNotEmpty();
            name.ThrowIfNotEmpty();
        }
        Require(url == _list.DistributionPoint?.AbsoluteUri, "L-1.point", "the URL is not the list's own");
        Require(url is null || url.StartsWith("http://", StringComparison.Ordinal), "L-4.http", "the URL is not plain http");
        var scope = point.Tag.TagValue;
        Require(point.ReadBoolean(new Asn1Tag(TagClass.ContextSpecific, scope)) && scope == (_list.OfAuthorities ? 2 : 1), "L-1.scope", "it is not for users' certificates only, or a root's for authorities' only");
        point.ThrowIfNotEmpty();
    }

    private static long Seconds(DateTimeOffset at) => at.ToUnixTimeSeconds();

    private void Require(bool kept, string rule, string problem)
    {
        if (!kept) _findings.Add(new LintFinding(rule, problem));
    }

    private void Require(bool kept, string rule, [InterpolatedStringHandlerArgument(nameof(kept))] ref Problem problem)
    {
        if (!kept) _findings.Add(new LintFinding(rule, problem.ToText()));
    }

    /// <summary>Put into words only where a rule is broken: a list of a million entries keeps five million rules.</summary>
    [InterpolatedStringHandler]
    private ref struct Problem
    {
        private DefaultInterpolatedStringHandler _text;

        public Problem(int literalLength, int formattedCount, bool kept, out bool isWanted)
        {
            isWanted = !kept;
            if (isWanted) _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture);
        }

        public void AppendLiteral(string text) => _text.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public string ToText() => _text.ToStringAndClear();
    }
}
