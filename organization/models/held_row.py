from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model


def hold_row(row: Model, *, gone: Exception) -> None:
    """Lock a row that is about to be changed, and read it as it is now; raises `gone`.

    So what another changes at this moment stays, and a row that was deleted is not saved anew.
    Rows that refer to it may be added meanwhile: the lock is NO KEY UPDATE.
    """
    rows = type(row)._default_manager.select_for_update(no_key=True)
    try:
        row.refresh_from_db(from_queryset=rows)
    except ObjectDoesNotExist as error:
        raise gone from error
