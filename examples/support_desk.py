"""A support desk: a customer asks, an agent is called in by an event, and answers with a file.

``python examples/support_desk.py --emulator`` runs it on an emulator of its own. Without the option it runs on the
ACS resource that the environment names. Nothing in `customer` and `agent` knows which: they are written for
Twilio Conversations.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from acs_emulator import Emulator
from twilio_compat import Client, ClientOptions, Conversation, Message, SendMediaOptions, Settings
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant

PATIENCE = 20.0
"""Seconds to wait for each other before giving up."""


async def customer(client: Client) -> Conversation:
    """Open a case, ask, call an agent in, and wait for the answer."""
    case = await client.createConversation(
        {"friendlyName": "Printer on fire", "attributes": {"priority": "high"}}
    )
    await case.join()
    await case.sendMessage("My printer is on fire. What do I do?")

    answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    @case.on("messageAdded")
    def on_message(message: Message) -> None:
        if message.author == "agent":
            answered.set_result(message)

    await case.add("agent")

    answer = await asyncio.wait_for(answered, PATIENCE)
    (manual,) = answer.attachedMedia
    print(f"customer got: {answer.body} ({manual.filename}, {manual.size} bytes)")
    return case


async def agent(client: Client) -> None:
    """Wait to be called into a case, read it, and answer with the manual."""
    called: asyncio.Future[Conversation] = asyncio.get_running_loop().create_future()
    client.onWithReplay("conversationJoined", called.set_result)

    case = await asyncio.wait_for(called, PATIENCE)
    question = (await case.getMessages(1)).items[0]
    print(f"agent got: {question.body} {case.attributes}")

    manual: SendMediaOptions = {
        "contentType": "text/plain",
        "filename": "manual.txt",
        "media": "Step 1: leave the room.",
    }
    await case.prepareMessage().setBody("Please see the manual.").addMedia(manual).build().send()


def token(identity: str, settings: Settings) -> str:
    """Make a Twilio access token, as the app's server does when a user signs in."""
    key = settings.need("twilio_api_key", "to make access tokens")
    secret = settings.need("twilio_api_secret", "to make access tokens")
    access_token = AccessToken("AC" + "0" * 32, key, secret, identity=identity)
    access_token.add_grant(ChatGrant(service_sid="IS" + "0" * 32))
    return str(access_token.to_jwt())


async def run(settings: Settings) -> None:
    """Sign both in, let them talk, and delete the case."""
    options: ClientOptions = {"settings": settings}
    async with (
        Client(token("customer", settings), options) as customer_client,
        Client(token("agent", settings), options) as agent_client,
    ):
        case, _ = await asyncio.gather(customer(customer_client), agent(agent_client))
        await case.delete()


async def main(arguments: list[str]) -> None:
    """Run on what the command line and the environment say."""
    if "--emulator" not in arguments:
        await run(Settings.from_environment())
        return
    async with Emulator() as emulator:
        with tempfile.TemporaryDirectory() as directory:
            await run(
                Settings(
                    connection_string=emulator.connection_string,
                    storage_connection_string=emulator.storage_connection_string,
                    database_url=f"sqlite:///{Path(directory) / 'store.db'}",
                    twilio_api_key="SK" + "0" * 32,
                    twilio_api_secret="any secret of at least 32 bytes will do",
                )
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
