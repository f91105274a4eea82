import re

from organization.protocol.public_id import build_public_id


def test_an_id_has_its_prefix_and_cannot_be_guessed():
    ids = {build_public_id("dev") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"dev_[a-z0-9]{20}", each) for each in ids)
