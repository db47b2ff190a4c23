"""What the command ``twilio-compat`` can be told: a module for each of its groups."""
