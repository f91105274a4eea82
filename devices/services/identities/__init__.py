"""An identity's life after it was pinned: it is renewed in time, replaced by its heir, revoked.

renewal sends the enrollment profile again, renewed lets the new identity take over, replaced and
ended revoke what nobody may use any more.
"""
