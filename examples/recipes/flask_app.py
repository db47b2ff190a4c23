"""A chat's back end on Flask: tokens for its clients, members, messages, and an answer to webhooks."""

import os

from flask import Flask, Response, abort, jsonify, request
from twilio.base.exceptions import TwilioRestException
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant
from twilio.request_validator import RequestValidator

from twilio_compat.rest import Client

app = Flask(__name__)
client = Client()
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


@app.post("/token")
def token() -> Response:
    """Give a token to who is signed in; your session knows better than the request who that is."""
    identity = request.get_json()["identity"]
    access_token = AccessToken(
        os.environ["TWILIO_ACCOUNT_SID"],
        os.environ["TWILIO_API_KEY"],
        os.environ["TWILIO_API_SECRET"],
        identity=identity,
    )
    access_token.add_grant(ChatGrant(service_sid=os.environ["TWILIO_SERVICE_SID"]))
    return jsonify(identity=identity, token=access_token.to_jwt())


@app.post("/rooms/<name>/members")
def add_member(name: str) -> Response:
    """Make sure that there is a room of that name, and that somebody is in it."""
    try:
        room = client.conversations.v1.conversations(name).fetch()
    except TwilioRestException as error:
        if error.status != 404:
            raise
        room = client.conversations.v1.conversations.create(unique_name=name, friendly_name=name)
    try:
        room.participants.create(identity=request.get_json()["identity"])
    except TwilioRestException as error:
        if error.code != 50433:  # a member already
            raise
    return jsonify(sid=room.sid)


@app.post("/webhooks")
def webhook() -> tuple[str, int]:
    """Answer who has written something, unless it is not Twilio, or who stands in for it, that says so."""
    signature = request.headers.get("X-Twilio-Signature", "")
    if not validator.validate(request.url, request.form, signature):
        abort(403)
    if request.form["EventType"] == "onMessageAdded" and request.form.get("Source") == "SDK":
        room = client.conversations.v1.conversations(request.form["ConversationSid"])
        room.messages.create(author="bot", body=f"{request.form['Author']}, we will be with you soon.")
    return "", 204
