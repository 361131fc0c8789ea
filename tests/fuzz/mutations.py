"""New inputs out of those that are kept: pieces cut, doubled, swapped, overwritten, and words of the target put between.

Which words those are is left to `targets.py`.
"""

from collections.abc import Sequence

from hypothesis import strategies as st

#: Changes to one input at most, and bytes of an input.
CHANGES, LONGEST = 6, 4000
#: What breaks parsers of any kind.
TROUBLE = (
    *(b"\0", b"\n", b"\r\n", b" ", b"\t", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"%", b"%00", b"\\"),
    *(b"\xe2\x80\xae", b"\xc2\x85", b"\xc2\xa0", b'"', b"'", b"0", b"-1", b"9" * 20, b"1e999", b"[" * 70, b"a" * 300),
    *("\N{FULLWIDTH DIGIT ONE}".encode(), "\N{IDEOGRAPHIC FULL STOP}".encode(), "\N{ARABIC-INDIC DIGIT ONE}".encode()),
)


def mutated(inputs: Sequence[bytes], words: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Changed inputs, and now and then something made of words or bytes alone."""
    pieces = st.sampled_from([*words, *words, *TROUBLE]) | st.binary(max_size=4)
    place = st.integers(0, LONGEST)
    change = st.tuples(st.sampled_from(["put", "put", "over", "cut", "double", "swap"]), place, place, pieces)
    # By number: a strategy that shows all of its inputs takes longer to show than to run.
    given = st.integers(0, len(inputs)).map([b"", *inputs].__getitem__)
    changed = st.builds(_changed, given, st.lists(change, max_size=CHANGES))
    spliced = st.builds(_spliced, given, given, place, place)
    joined = st.lists(pieces, max_size=12).map(b"".join)
    return (changed | changed | changed | spliced | joined | st.binary(max_size=60)).map(lambda made: made[:LONGEST])


def _changed(text: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, one, other, piece in changes:
        first, last = sorted((one % (len(text) + 1), other % (len(text) + 1)))
        match kind:
            case "put":
                text = text[:first] + piece + text[first:]
            case "over":
                text = text[:first] + piece + text[first + len(piece) :]
            case "cut":
                text = text[:first] + text[last:]
            case "double":
                text = text[:last] + text[first:last] + text[last:]
            case "swap":
                text = text[last:] + text[first:last] + text[:first]
    return text


def _spliced(one: bytes, other: bytes, first: int, second: int) -> bytes:
    return one[: first % (len(one) + 1)] + other[second % (len(other) + 1) :]
