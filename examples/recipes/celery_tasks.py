"""Messages that a worker of Celery sends, so that no page waits for them."""

import json

from celery import Celery, Task
from twilio.base.exceptions import TwilioRestException

from twilio_compat.rest import Client

app = Celery("chat")
client = Client()


@app.task(bind=True, max_retries=5)
def announce(self: Task, room: str, text: str, order: int) -> str:
    """Write into a room, and return the sid of the message."""
    try:
        message = client.conversations.v1.conversations(room).messages.create(
            author="shop", body=text, attributes=json.dumps({"order": order})
        )
    except TwilioRestException as error:
        if error.status == 429:  # not sent, so it may be tried again
            raise self.retry(countdown=10) from error
        raise
    return str(message.sid)
