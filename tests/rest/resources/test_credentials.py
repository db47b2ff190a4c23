"""Push credentials: kept, but for what is secret in them."""

from pathlib import Path

import pytest
from twilio.base.exceptions import TwilioRestException

from twilio_compat.rest import Client


def test_a_credential_is_found_until_it_is_deleted(client: Client) -> None:
    credentials = client.conversations.v1.credentials

    made = credentials.create(type="apn", friendly_name="Phones", sandbox=True)
    other = credentials.create(type="fcm")

    assert ("apn", "Phones", "True") == (made.type, made.friendly_name, made.sandbox)
    assert ("fcm", None, "False") == (other.type, other.friendly_name, other.sandbox)
    assert made.date_created is not None
    assert [made.sid, other.sid] == [each.sid for each in credentials.list(page_size=1)]
    assert "Phones" == credentials(made.sid).fetch().friendly_name
    assert credentials(made.sid).delete()
    assert [other.sid] == [each.sid for each in credentials.list()]


def test_an_update_changes_what_it_names(client: Client) -> None:
    credentials = client.conversations.v1.credentials
    made = credentials.create(type="apn", friendly_name="Phones", sandbox=True)

    changed = credentials(made.sid).update(friendly_name="Tablets")

    assert ("apn", "Tablets", "True") == (changed.type, changed.friendly_name, changed.sandbox)
    assert "False" == credentials(made.sid).update(sandbox=False).sandbox


def test_what_is_secret_is_neither_returned_nor_kept(client: Client, tmp_path: Path) -> None:
    secrets = {name: f"the-{name}" for name in ("certificate", "private_key", "api_key", "secret")}

    made = client.conversations.v1.credentials.create(type="apn", friendly_name="to be found", **secrets)
    client.conversations.v1.credentials(made.sid).update(**secrets)

    written = b"".join(each.read_bytes() for each in tmp_path.glob("store.db*"))
    assert b"to be found" in written
    assert [] == [each for each in secrets.values() if each.encode() in written]


@pytest.mark.parametrize(
    ("given", "code"),
    [({"type": "sms"}, 20422), ({"type": "fcm", "friendly_name": "x" * 65}, 50003)],
)
def test_what_cannot_be_is_refused(client: Client, given: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.conversations.v1.credentials.create(**given)

    assert (400, code) == (refused.value.status, refused.value.code)
    assert [] == client.conversations.v1.credentials.list()


@pytest.mark.parametrize("verb", ["fetch", "update", "delete"])
def test_a_credential_that_is_not_there_is_not_found(client: Client, verb: str) -> None:
    sid = "CR" + "0" * 32

    with pytest.raises(TwilioRestException) as refused:
        getattr(client.conversations.v1.credentials(sid), verb)()

    assert (404, 20404) == (refused.value.status, refused.value.code)
    assert f"The requested resource /Credentials/{sid} was not found" in refused.value.msg
