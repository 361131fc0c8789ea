"""Origins of URLs: the scheme, host and port that one leads to.

What may go to which is left to those who keep credentials.
"""

from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}


def origin(url: str) -> str:
    """`https://example.com:443`, host in small letters and port always; what is no URL stands for itself."""
    return _origin(url) or url


def host(url: str) -> str:
    """The name or address that a URL leads to, in small letters; what is no URL stands for itself."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def same(one: str, other: str) -> bool:
    """Whether two URLs lead to one scheme, host and port."""
    found = _origin(one)
    return found is not None and found == _origin(other)


def _origin(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}:{parts.port or _PORTS.get(parts.scheme, '')}"
    except ValueError:
        return None
