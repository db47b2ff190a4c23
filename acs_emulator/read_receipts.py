"""Read receipts: send one, list them. There is one for each reader, the latest.

In a thread of more than 20 members the service takes receipts and lists none (observed on the live service); an
option shows them. The order of the list is not documented; here the latest comes first.
"""

from __future__ import annotations

from acs_emulator.authorization import enter
from acs_emulator.calls import Call, Reply
from acs_emulator.identifiers import user_json
from acs_emulator.journal import Json
from acs_emulator.messages import find
from acs_emulator.paging import reply_counted
from acs_emulator.service import Service
from acs_emulator.state import ReadReceipt, Room
from acs_emulator.timestamps import chat_time

MAX_PARTICIPANTS = 20


def send(service: Service, call: Call) -> Reply:
    """Note how far the caller has read, in place of what was noted before; a 404 for an unknown message."""
    room = enter(service, call)
    message = find(room, call, call.fields().required_text("chatMessageId"))
    service.state.commit(ReadReceipt(room.thread.id, call.caller, message.id, service.now()))
    return Reply(200)


def list_receipts(service: Service, call: Call) -> Reply:
    """List how far each member has read."""
    room = enter(service, call)
    items: list[Json] = [_receipt_json(each) for each in _listed(service, room)]
    return reply_counted(call, items, "chat", "threads", room.thread.id, "readReceipts")


def _listed(service: Service, room: Room) -> list[ReadReceipt]:
    if len(room.participants) > MAX_PARTICIPANTS and service.options.large_thread_receipts == "hidden":
        return []
    return sorted(room.receipts.values(), key=lambda each: (each.read_on, each.reader), reverse=True)


def _receipt_json(receipt: ReadReceipt) -> dict[str, Json]:
    return {
        "senderCommunicationIdentifier": user_json(receipt.reader),
        "chatMessageId": str(receipt.message_id),
        "readOn": chat_time(receipt.read_on),
    }
