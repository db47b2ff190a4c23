"""What code on twilio-python sees, held to what is known of Twilio, on several targets: see CONTRIBUTING.md.

A scenario (`scenarios`) is written like an application, and asserts what Twilio is known to answer. It is played on the
client in process, on twilio-python's own client that speaks HTTP to the same translation, and, where an account is
named in the environment, on Twilio itself. What it saw is its transcript; those of the first two must be equal.
"""
