"""Back ends of a chat, written for twilio-python, one for each framework; docs/how-to shows them."""
