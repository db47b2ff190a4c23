"""Typing notifications: accepted from members, kept nowhere.

They are passed on by real-time notifications only. Above 20 members the service documents no support; the request
is accepted all the same.
"""

from __future__ import annotations

from acs_emulator.authorization import enter
from acs_emulator.calls import Call, Reply
from acs_emulator.service import Service


def send(service: Service, call: Call) -> Reply:
    """Take a notification; the body may be missing, or name the sender."""
    enter(service, call)
    call.fields(optional=True).text("senderDisplayName")
    return Reply(200)
