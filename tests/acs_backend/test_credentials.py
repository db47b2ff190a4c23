"""A user's token is issued once for all who need it, renewed in time, and replaced when refused."""

import asyncio
from datetime import UTC, datetime

from azure.core.credentials import AccessToken

from acs_backend.credentials import RENEWAL_MARGIN, IssuedToken, PresentedToken


class Issuer:
    """Issues numbered tokens that live for ten minutes of a clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.issued = 0

    async def __call__(self) -> AccessToken:
        self.issued += 1
        await asyncio.sleep(0)
        return AccessToken(f"t{self.issued}", int(self.now + 600))


async def test_a_token_is_issued_once_for_all_who_wait_for_it() -> None:
    issuer = Issuer()
    credential = IssuedToken(issuer, lambda: issuer.now)
    tokens = await asyncio.gather(*(credential.get_token() for _ in range(10)))
    assert ({"t1"}, 1) == ({token.token for token in tokens}, issuer.issued)


async def test_a_token_is_renewed_some_minutes_before_it_ends() -> None:
    issuer = Issuer()
    credential = IssuedToken(issuer, lambda: issuer.now)
    await credential.get_token()
    issuer.now += 600 - RENEWAL_MARGIN
    assert "t1" == (await credential.get_token()).token
    issuer.now += 1
    assert "t2" == (await credential.get_token()).token


async def test_a_refused_token_is_replaced_once_for_all_who_were_refused() -> None:
    issuer = Issuer()
    credential = IssuedToken(issuer, lambda: issuer.now)
    refused = await credential.get_token()
    renewed = await asyncio.gather(*(credential.renew(refused.token) for _ in range(5)))
    assert ({"t2"}, 2) == ({token.token for token in renewed if token}, issuer.issued)


async def test_a_token_that_somebody_brought_along_has_no_other() -> None:
    credential = PresentedToken("t", datetime(2026, 1, 1, tzinfo=UTC))
    assert ("t", None) == ((await credential.get_token()).token, await credential.renew("t"))


async def test_an_issue_that_fails_is_tried_again_by_the_next_caller() -> None:
    issuer = Issuer()
    failing = [True]

    async def issue() -> AccessToken:
        if failing.pop():
            raise ConnectionError
        return await issuer()

    credential = IssuedToken(issue, lambda: issuer.now)
    failing.insert(0, False)
    first, second = await asyncio.gather(
        credential.get_token(), credential.get_token(), return_exceptions=True
    )
    assert isinstance(first, ConnectionError)
    assert isinstance(second, AccessToken)
