"""What a text may hold that is kept and listed, as patterns for msgspec: PostgreSQL keeps no NUL and no half of a surrogate pair.

How long one may be is its owner's matter.
"""

#: One line, and several. `\Z`, for `$` would let a line feed stand at the end.
LINE = r"^[^\x00-\x1f\x7f\ud800-\udfff]*\Z"
PROSE = r"^[^\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]*\Z"
#: Whatever PostgreSQL keeps.
KEPT = r"^[^\x00\ud800-\udfff]*\Z"
