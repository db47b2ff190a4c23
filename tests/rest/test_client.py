"""``twilio_compat.rest.Client`` stands where ``twilio.rest.Client`` stood."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import cast
from unittest.mock import MagicMock, patch

import pytest
import twilio.rest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient

import twilio_compat.rest
from tests.rest.stand_in import DEFAULT, Services
from tests.rest.test_http_client import AwaitedElsewhere, Elsewhere
from twilio_compat.backend import Backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.rest import Client
from twilio_compat.rest.portal import Portal
from twilio_compat.settings import Settings

ACCOUNT = "AC" + "a" * 32
GONE = "The requested resource /Conversations/CH1/Nothing was not found"


class Factory:
    """Opens backends, and notes with what settings."""

    def __init__(self) -> None:
        self.settings: list[Settings] = []
        self.opened: list[Services] = []

    def __call__(self, settings: Settings) -> Backend:
        self.settings.append(settings)
        self.opened.append(Services())
        return cast(Backend, self.opened[-1])


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as running:
        yield running


@pytest.fixture
def factory() -> Factory:
    return Factory()


def ask(client: Client) -> int:
    """Ask something that needs no backend."""
    return int(
        client.request("GET", "https://conversations.twilio.com/v1/Conversations/CH1/Nothing").status_code
    )


# Making one


def test_it_takes_what_twilios_takes_and_more_only_by_name() -> None:
    theirs = inspect.signature(twilio.rest.Client.__init__).parameters
    ours = inspect.signature(Client.__init__).parameters
    assert list(theirs) == list(ours)[: len(theirs)]
    assert [each.default for each in theirs.values()] == [each.default for each in ours.values()][
        : len(theirs)
    ]
    more = list(ours.values())[len(theirs) :]
    newer = "credential_provider"  # which older ones do not take
    assert {inspect.Parameter.KEYWORD_ONLY} == {each.kind for each in more if each.name != newer}


def test_it_is_a_client_of_twilios() -> None:
    client = Client(ACCOUNT, "token", edge="dublin", user_agent_extensions=["mine/1"])
    assert isinstance(client, twilio.rest.Client)
    assert (ACCOUNT, ACCOUNT, "dublin") == (client.username, client.account_sid, client.edge)
    assert f"<Twilio {ACCOUNT}>" == repr(client)


def test_making_one_needs_neither_a_setting_nor_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMUNICATION_SERVICES_CONNECTION_STRING", raising=False)
    monkeypatch.setenv("TWILIO_COMPAT_RATE_LIMITS", "nonsense")
    client = Client(ACCOUNT, "token")
    with pytest.raises(ConfigurationError, match="rate_limits"):
        client.conversations.v1.conversations.create()
    monkeypatch.delenv("TWILIO_COMPAT_RATE_LIMITS")
    with client, pytest.raises(ConfigurationError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
        client.conversations.v1.conversations.create()


def test_the_account_and_its_token_are_the_clients_own(portal: Portal, factory: Factory) -> None:
    known = Settings(twilio_account_sid="AC" + "0" * 32, twilio_auth_token="other", service_sid=DEFAULT)
    ask(Client(ACCOUNT, "token", settings=known, backend=factory, portal=portal))
    [found] = factory.settings
    assert (ACCOUNT, "token", DEFAULT) == (
        found.twilio_account_sid,
        found.twilio_auth_token,
        found.service_sid,
    )


def test_the_secret_of_an_api_key_signs_no_webhooks(portal: Portal, factory: Factory) -> None:
    known = Settings(twilio_auth_token="the account's")
    ask(Client("SK" + "1" * 32, "secret", ACCOUNT, settings=known, backend=factory, portal=portal))
    [found] = factory.settings
    assert (ACCOUNT, "the account's") == (found.twilio_account_sid, found.twilio_auth_token)


def test_settings_are_read_from_the_environment_that_it_was_given(
    portal: Portal, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_COMPAT_DATABASE_URL", "sqlite:///of-the-process.db")
    own = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "token", "TWILIO_COMPAT_SERVICE_SID": DEFAULT}
    ask(Client(environment=own, backend=factory, portal=portal))
    [found] = factory.settings
    assert (ACCOUNT, DEFAULT, "sqlite:///of-the-process.db") == (
        found.twilio_account_sid,
        found.service_sid,
        found.database_url,
    )


# Calling


def test_both_ways_to_conversations_lead_in_process(portal: Portal, factory: Factory) -> None:
    elsewhere = Elsewhere()
    client = Client(ACCOUNT, "token", http_client=elsewhere, backend=factory, portal=portal)
    with pytest.warns(DeprecationWarning, match=r"Use v1\.services"):
        shortcut = client.conversations.services
    for conversations in (client.conversations.v1.services, shortcut):
        with pytest.raises(TwilioRestException) as caught:
            conversations("nobody").users("bob").fetch()
        assert (404, 20404) == (caught.value.status, caught.value.code)
        assert (
            "Unable to fetch record: The requested resource /Services/nobody was not found"
            == caught.value.msg
        )
    assert [] == elsewhere.asked


@pytest.mark.parametrize(
    "where", [{"edge": "dublin"}, {"region": "ie1"}, {"edge": "dublin", "region": "ie1"}]
)
def test_an_edge_and_a_region_lead_in_process_too(
    portal: Portal, factory: Factory, where: dict[str, str]
) -> None:
    client = Client(ACCOUNT, "token", backend=factory, portal=portal, **where)
    assert 404 == ask(client)
    assert GONE in client.request("GET", "https://conversations.twilio.com/v1/Conversations/CH1/Nothing").text


def test_other_products_keep_the_client_that_the_application_gave(portal: Portal, factory: Factory) -> None:
    elsewhere = Elsewhere()
    client = Client(ACCOUNT, "token", http_client=elsewhere, backend=factory, portal=portal)
    client.request("GET", "https://api.twilio.com/2010-04-01/Accounts.json")
    [asked] = elsewhere.asked
    assert ("GET", "https://api.twilio.com/2010-04-01/Accounts.json") == asked[:2]
    assert (ACCOUNT, "token") in asked


def test_an_address_that_the_application_sets_is_left_to_it(portal: Portal, factory: Factory) -> None:
    elsewhere = Elsewhere()
    client = Client(ACCOUNT, "token", http_client=elsewhere, backend=factory, portal=portal)
    client.conversations.base_url = "http://127.0.0.1:8080"
    client.conversations.v1.conversations("CH1").fetch()
    assert ["http://127.0.0.1:8080/v1/Conversations/CH1"] == [each[1] for each in elsewhere.asked]


def test_a_client_that_is_put_in_later_is_left_the_rest_too(portal: Portal, factory: Factory) -> None:
    elsewhere, client = Elsewhere(), Client(ACCOUNT, "token", backend=factory, portal=portal)
    assert isinstance(client.http_client._wrapped, TwilioHttpClient)
    client.http_client = elsewhere
    assert 404 == ask(client)
    client.request("GET", "https://api.twilio.com/")
    assert ["https://api.twilio.com/"] == [each[1] for each in elsewhere.asked]


async def test_methods_are_awaited_with_a_client_that_is(portal: Portal, factory: Factory) -> None:
    client = Client(ACCOUNT, "token", http_client=AwaitedElsewhere(), backend=factory, portal=portal)
    with pytest.raises(TwilioRestException) as caught:
        await client.conversations.v1.services("nobody").users("bob").fetch_async()
    assert 20404 == caught.value.code


async def test_methods_cannot_be_awaited_with_another(portal: Portal, factory: Factory) -> None:
    client = Client(ACCOUNT, "token", backend=factory, portal=portal)
    with pytest.raises(RuntimeError, match="must be asynchronous"):
        await client.conversations.v1.conversations("CH1").fetch_async()


def test_credentials_are_not_needed_where_nothing_leaves_the_process(
    portal: Portal, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TWILIO_ACCOUNT_SID", raising=False)
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    if "credential_provider" not in inspect.signature(twilio.rest.Client).parameters:
        pytest.skip("this twilio-python makes no client without credentials")
    assert 404 == ask(Client(backend=factory, portal=portal))


# Sharing and closing


def test_clients_with_the_same_settings_share_a_backend_until_the_last_is_closed(
    portal: Portal, factory: Factory
) -> None:
    one, two = (Client(ACCOUNT, "token", backend=factory, portal=portal) for _ in range(2))
    other = Client(ACCOUNT, "another token", backend=factory, portal=portal)
    for each in (one, two, other, one):
        ask(each)
    assert 2 == len(factory.opened)
    one.close()
    one.close()
    assert [0, 0] == [each.closed for each in factory.opened]
    two.close()
    assert [1, 0] == [each.closed for each in factory.opened]


def test_a_closed_client_opens_again(portal: Portal, factory: Factory) -> None:
    client = Client(ACCOUNT, "token", backend=factory, portal=portal)
    client.close()
    with client:
        ask(client)
    assert 404 == ask(client)
    assert [1, 0] == [each.closed for each in factory.opened]


# The module


def test_the_module_has_the_client_and_nothing_surprising() -> None:
    assert ["Client"] == twilio_compat.rest.__all__
    with pytest.raises(AttributeError, match="nonsense"):
        _ = twilio_compat.rest.nonsense  # type: ignore[attr-defined]


def test_it_can_be_patched_as_twilios_can() -> None:
    with patch("twilio_compat.rest.Client", MagicMock()) as mock:
        client = twilio_compat.rest.Client(ACCOUNT, "token")
        client.conversations.v1.conversations("CH1").messages.create(author="bob", body="Hello")
        messages = mock.return_value.conversations.v1.conversations.return_value.messages
        messages.create.assert_called_once_with(author="bob", body="Hello")
    assert Client is twilio_compat.rest.Client


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=50, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("modules", "name"),
    [(("twilio", "twilio.http"), "twilio-python"), (("python_multipart",), "python-multipart")],
)
def test_where_something_is_not_installed_it_says_what_to_install(
    modules: tuple[str, ...], name: str
) -> None:
    assert f"twilio_compat.rest needs {name}: pip install 'twilio-acs-compat[rest]'\n" == run(
        f"""
        import sys
        sys.modules.update(dict.fromkeys({modules}))
        try:
            from twilio_compat.rest import Client
        except ImportError as error:
            print(error)
        """
    )


def test_the_server_does_without_twilio_python() -> None:
    loaded = run(
        """
        import json, sys
        import twilio_compat.rest.asgi
        print(json.dumps(sorted({each.partition(".")[0] for each in sys.modules} & {"twilio", "requests", "azure"})))
        """
    )
    assert [] == json.loads(loaded)
