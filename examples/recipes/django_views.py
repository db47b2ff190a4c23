"""A chat's back end as views of Django."""

import json
import os

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from twilio.base.exceptions import TwilioRestException
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant
from twilio.request_validator import RequestValidator

from twilio_compat.rest import Client

client = Client()
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


@require_POST
def token(request: HttpRequest) -> JsonResponse:
    """Give a token to who is signed in: ``request.user`` knows better than the request who that is."""
    identity = json.loads(request.body)["identity"]
    access_token = AccessToken(
        os.environ["TWILIO_ACCOUNT_SID"],
        os.environ["TWILIO_API_KEY"],
        os.environ["TWILIO_API_SECRET"],
        identity=identity,
    )
    access_token.add_grant(ChatGrant(service_sid=os.environ["TWILIO_SERVICE_SID"]))
    return JsonResponse({"identity": identity, "token": access_token.to_jwt()})


@require_POST
def add_member(request: HttpRequest, name: str) -> JsonResponse:
    """Make sure that there is a room of that name, and that somebody is in it."""
    try:
        room = client.conversations.v1.conversations(name).fetch()
    except TwilioRestException as error:
        if error.status != 404:
            raise
        room = client.conversations.v1.conversations.create(unique_name=name, friendly_name=name)
    try:
        room.participants.create(identity=json.loads(request.body)["identity"])
    except TwilioRestException as error:
        if error.code != 50433:  # a member already
            raise
    return JsonResponse({"sid": room.sid})


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Answer who has written something, unless it is not Twilio, or who stands in for it, that says so."""
    signature = request.headers.get("X-Twilio-Signature", "")
    if not validator.validate(request.build_absolute_uri(), request.POST, signature):
        return HttpResponse(status=403)
    match request.POST["EventType"], request.POST.get("Source"):
        case "onMessageAdded", "SDK":
            room = client.conversations.v1.conversations(request.POST["ConversationSid"])
            room.messages.create(author="bot", body=f"{request.POST['Author']}, we will be with you soon.")
    return HttpResponse(status=204)


urlpatterns = [
    path("token", token),
    path("rooms/<str:name>/members", add_member),
    path("webhooks", webhook),
]
