"""Which token a certificate, or a request for one, goes back to.

Of a token-based challenge the row knows it; of another it is the token of the row's session, which
the app above knows: two ports. Nothing is decided by it.
"""

from typing import Any, TypeVar

from django.conf import settings
from django.db.models import (
    CharField,
    Expression,
    F,
    Model,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, NullIf
from django.utils.module_loading import import_string

Row = TypeVar("Row", bound=Model)


def build_token_expression() -> Expression:
    """Return the token's jti, for rows with `token_id` and `session_id`; "" where there is none."""
    select = import_string(settings.SCEP_TOKEN_OF_SESSION)
    of_session = Subquery(select(OuterRef("session_id")), output_field=CharField())
    return Coalesce(NullIf(F("token_id"), Value("")), of_session, Value(""))


def filter_by_token(rows: QuerySet[Row, Any], jti: str) -> QuerySet[Row, Any]:
    """Keep what goes back to the token, which may be gone, or to one that was made from it.

    Each in a query of its own that one index answers: together they would read every row.
    """
    jtis, sessions = import_string(settings.SCEP_TOKEN_FAMILY)(jti)
    keys = rows.model._default_manager.order_by().values("pk")
    found = keys.filter(token_id=jti).union(
        keys.filter(token_id__in=jtis), keys.filter(session_id__in=sessions)
    )
    return rows.filter(pk__in=found)
