using System.Security.Cryptography;
using IoTFleet.Pki.Transparency;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests.Transparency;

public sealed class SignedNoteTests : IDisposable
{
    private readonly TestPki _pki = new(new FakeClock());
    private readonly LogKey _key;

    public SignedNoteTests() => _key = LogKey.Of(_pki.Authorities);

    [Fact]
    public void A_checkpoint_opens_with_the_key_that_signed_it()
    {
        var stated = new Checkpoint(_key.Verifier.Name, 7, SHA256.HashData([1]));

        var note = _key.Sign(stated.Text);

        Assert.True(Checkpoint.TryOpen(note, _key.Verifier, out var opened));
        Assert.Equal((7, stated.Text), (opened.Size, opened.Text));
        Assert.Matches("^[^\n]+/issued\n7\n[A-Za-z0-9+/=]{44}\n\n\u2014 [^ \n]+/issued [A-Za-z0-9+/=]+\n$", note);
    }

    [Fact]
    public void The_key_travels_as_one_line()
    {
        Assert.True(NoteVerifier.TryParse(_key.Verifier.ToString(), out var parsed));
        Assert.True(parsed.TryOpen(_key.Sign("said\n"), out var text));
        Assert.Equal("said\n", text);
    }

    [Fact]
    public void A_changed_character_of_the_text_is_noticed()
    {
        var note = _key.Sign("one\ntwo\n");

        for (var i = 0; i < "one\ntwo\n".Length; i++)
            Assert.False(_key.Verifier.TryOpen($"{note[..i]}x{note[(i + 1)..]}", out _));
    }

    [Fact]
    public void Another_log_of_the_same_name_is_not_believed()
    {
        using var other = LogKey.Of(_pki.Authorities); // In no folder, so it is another key.

        Assert.False(_key.Verifier.TryOpen(other.Sign("said\n"), out _));
    }

    [Fact]
    public void Signatures_of_others_are_passed_over()
    {
        using var witness = LogKey.Of(_pki.Authorities);
        var note = _key.Sign("said\n");
        var witnessed = note + witness.Sign("said\n").Split('\n')[^2] + "\n";

        Assert.True(_key.Verifier.TryOpen(witnessed, out _));
        Assert.True(witness.Verifier.TryOpen(witnessed, out _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("name")]
    [InlineData("name+00000000+")]
    [InlineData("name+00000000+AQAAAA==")]
    [InlineData("name+00000000+AgAAAA==")]
    [InlineData("na me+00000000+AgAAAA==")]
    public void What_is_no_key_is_refused(string text) => Assert.False(NoteVerifier.TryParse(text, out _));

    [Theory]
    [InlineData("07")]
    [InlineData("-7")]
    [InlineData("7 ")]
    [InlineData("99999999999999999999")]
    public void A_size_has_one_way_to_be_written(string size) =>
        Assert.False(Checkpoint.TryOpen(_key.Sign($"{_key.Verifier.Name}\n{size}\n{Convert.ToBase64String(new byte[32])}\n"), _key.Verifier, out _));

    [Fact]
    public void A_checkpoint_of_another_origin_is_not_this_logs() =>
        Assert.False(Checkpoint.TryOpen(_key.Sign(new Checkpoint("elsewhere/issued", 7, new byte[32]).Text), _key.Verifier, out _));

    public void Dispose()
    {
        _key.Dispose();
        _pki.Dispose();
    }
}
