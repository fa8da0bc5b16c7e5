"""`UserError`: what a payload says the user can mend; all mutations share it."""

from __future__ import annotations

import strawberry

from api.types.source import Source, own


@strawberry.type(description="Something that the user can mend.")
class UserError:
    """What a payload says went wrong."""

    code: str = own("The kind of error, as in `extensions.code`, or the kind of finding.")
    message: str = own("What to do.")
    field: str | None = own("The argument it is about.")
    source: Source | None = own("The system that refused, if one did.")
