"""The resources of Twilio's Conversations API, one module each, named as Twilio's paths are."""
