"""A chat's back end on FastAPI, with the asynchronous methods of twilio-python."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Body, FastAPI, HTTPException, Request
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant
from twilio.request_validator import RequestValidator

from twilio_compat.rest import Client

Identity = Annotated[str, Body(embed=True)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have one client for as long as the application runs."""
    async with AsyncTwilioHttpClient() as http_client:
        app.state.client = Client(http_client=http_client)
        yield


app = FastAPI(lifespan=lifespan)
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


@app.post("/token")
async def token(identity: Identity) -> dict[str, str]:
    """Give a token to who is signed in; your session knows better than the request who that is."""
    access_token = AccessToken(
        os.environ["TWILIO_ACCOUNT_SID"],
        os.environ["TWILIO_API_KEY"],
        os.environ["TWILIO_API_SECRET"],
        identity=identity,
    )
    access_token.add_grant(ChatGrant(service_sid=os.environ["TWILIO_SERVICE_SID"]))
    return {"identity": identity, "token": access_token.to_jwt()}


@app.post("/rooms/{name}/members")
async def add_member(name: str, identity: Identity) -> dict[str, str]:
    """Make sure that there is a room of that name, and that somebody is in it."""
    conversations = app.state.client.conversations.v1.conversations
    try:
        room = await conversations(name).fetch_async()
    except TwilioRestException as error:
        if error.status != 404:
            raise
        room = await conversations.create_async(unique_name=name, friendly_name=name)
    try:
        await room.participants.create_async(identity=identity)
    except TwilioRestException as error:
        if error.code != 50433:  # a member already
            raise
    return {"sid": room.sid}


@app.post("/webhooks", status_code=204)
async def webhook(request: Request) -> None:
    """Answer who has written something, unless it is not Twilio, or who stands in for it, that says so."""
    form = await request.form()
    if not validator.validate(str(request.url), form, request.headers.get("X-Twilio-Signature", "")):
        raise HTTPException(403)
    if form["EventType"] == "onMessageAdded" and form.get("Source") == "SDK":
        room = app.state.client.conversations.v1.conversations(form["ConversationSid"])
        await room.messages.create_async(author="bot", body=f"{form['Author']}, we will be with you soon.")
