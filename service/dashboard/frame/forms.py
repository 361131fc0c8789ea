"""What a form sends: its fields by name, read strictly.

What they mean is left to the pages.
"""

from urllib.parse import parse_qs

from starlette.requests import Request

from service.api import reading
from service.dashboard.frame import uploads
from subscriptions.ground.errors import Issue, Malformed

MEDIA_TYPE = "application/x-www-form-urlencoded"
#: Fields of one form: a box for each row that a page can show, and some; of one with files.
FIELDS, PARTS = 2000, 100
#: Where a request keeps its form, for a handler that is made again.
KEPT = "hooklake.form"


class FormFields:
    """The fields of one form."""

    def __init__(self, fields: dict[str, list[str]], files: dict[str, bytes] | None = None) -> None:
        self._fields = fields
        self._files = files or {}

    def text(self, name: str) -> str:
        """A field as it was typed; empty where it is absent."""
        return self._fields.get(name, [""])[0]

    def line(self, name: str) -> str:
        """A field without the spaces around it."""
        return self.text(name).strip()

    def every(self, name: str) -> list[str]:
        """All values of a field that may be there several times: boxes that were ticked."""
        return self._fields.get(name, [])

    def ticked(self, name: str) -> bool:
        """Whether a box was."""
        return name in self._fields

    def file(self, name: str) -> bytes | None:
        """A file as it was chosen, to the byte; None where none was."""
        return self._files.get(name)


async def given(request: Request) -> FormFields:
    """The form in the body, of one that a button alone may be: without a body it has no fields."""
    return await read(request) if "content-type" in request.headers else FormFields({})


async def read(request: Request, limit: int = reading.BODY_BYTES) -> FormFields:
    """The form in the body; raises Malformed where it is none, TooLarge."""
    if _media_type(request) != MEDIA_TYPE:
        raise Malformed(Issue(subject="Content-Type", description=f"has to be {MEDIA_TYPE}", source="header"))
    raw = await reading.body(request, limit)
    try:
        text = raw.decode("ascii")
        fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        raise _unreadable() from None
    return _vetted(fields)


async def read_with_files(request: Request, limit: int) -> FormFields:
    """The form in the body, of one that may have files; raises Malformed where it is none, TooLarge."""
    if KEPT not in request.scope:
        request.scope[KEPT] = await _with_files(request, limit)
    form: FormFields = request.scope[KEPT]
    return form


async def _with_files(request: Request, limit: int) -> FormFields:
    if _media_type(request) != uploads.MEDIA_TYPE:
        return await read(request, limit)
    raw = await reading.body(request, limit)
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    try:
        for part in uploads.parts(request.headers["content-type"], raw, most=PARTS):
            if part.file is None:
                fields.setdefault(part.name, []).append(part.content.decode())
            elif part.file:
                files[part.name] = part.content
    except ValueError:
        raise _unreadable() from None
    return _vetted(fields, files)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _unreadable() -> Malformed:
    return Malformed(Issue(subject="body", description="is not a readable form"))


def _vetted(fields: dict[str, list[str]], files: dict[str, bytes] | None = None) -> FormFields:
    if any("\0" in value for values in fields.values() for value in values):
        raise Malformed(Issue(subject="body", description="has a field with a NUL character, which is not taken"))
    # A text area's lines end as in a mail.
    return FormFields({name: [each.replace("\r\n", "\n") for each in values] for name, values in fields.items()}, files)
