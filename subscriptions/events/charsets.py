"""The charsets that text is written in for receivers: those of the web and of mail, each written in linear time.

Python knows more: `punycode` and `idna` take a minute for 60 KB, and to look up any name that somebody sends keeps it for ever.
"""

from encodings.aliases import aliases

_PARTS = (*range(2, 12), *range(13, 17))
#: As Python calls them.
KNOWN = (
    *("utf_8", "ascii", "latin_1", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"),
    *(f"iso8859_{part}" for part in _PARTS),
    *(f"cp{page}" for page in (437, 850, 852, 866, 874, 932, 949, *range(1250, 1259))),
    *("koi8_r", "koi8_u", "mac_roman", "tis_620"),
    *("shift_jis", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr"),
)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


_CODECS = {_plain(name): name for name in KNOWN} | {
    _plain(alias): name for alias, name in aliases.items() if name in KNOWN
}


def written(text: str, charset: str) -> bytes:
    """The text in a charset; raises ValueError, its text a sentence, for one that is not known here and for what it lacks."""
    codec = _CODECS.get(_plain(charset))
    if codec is None:
        raise ValueError(
            f"cannot be written in the charset {charset[:40]!r} that its datacontenttype names: utf-8, iso-8859-1, windows-1252 "
            "and others of the web are known"
        )
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        lacks = ascii(text[error.start])
        raise ValueError(
            f"cannot be written in the charset {charset[:40]} that its datacontenttype names: it has no {lacks}"
        ) from None
