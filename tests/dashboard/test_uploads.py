"""Forms with files, as browsers send them."""

import pytest

from service.dashboard.frame import uploads

HEAD = "multipart/form-data; boundary=--b"


def body(*parts: str) -> bytes:
    return ("".join(f"----b\r\n{each}\r\n" for each in parts) + "----b--\r\n").encode()


def test_fields_and_files() -> None:
    """Texts and files in their order, to the byte; a file that was not chosen has no name."""
    text = 'Content-Disposition: form-data; name="a"\r\n\r\none\r\n--two\n'
    file = 'content-disposition: form-data; name="f"; filename="x; name=%22y%22.yaml"\r\nContent-Type: text/x\r\n\r\n\r\n\r\n'
    none = 'Content-Disposition: form-data; name="g"; filename=""\r\n\r\n'

    found = uploads.parts(HEAD, body(text, file, none), most=3)

    assert [(each.name, each.file, each.content) for each in found] == [
        ("a", None, b"one\r\n--two\n"),
        ("f", "x; name=%22y%22.yaml", b"\r\n\r\n"),
        ("g", "", b""),
    ]
    assert uploads.parts('multipart/form-data; boundary="--b"', body(), most=0) == []


@pytest.mark.parametrize(
    ("head", "sent", "why"),
    [
        ("multipart/form-data", body(), "no boundary"),
        (HEAD, b"", "in order"),
        (HEAD, body()[:-5], "in order"),
        (HEAD, b"before" + body(), "in order"),
        (HEAD, body("no head"), "no name"),
        (HEAD, body('Content-Disposition: form-data; filename="x"\r\n\r\n'), "no name"),
        (HEAD, body(*2 * ['Content-Disposition: form-data; name="a"\r\n\r\n']), "in order"),
    ],
)
def test_what_is_no_such_form(head: str, sent: bytes, why: str) -> None:
    """Without a boundary, torn, with something before it, with nameless fields or too many it is refused."""
    with pytest.raises(ValueError, match=why):
        uploads.parts(head, sent, most=1)
