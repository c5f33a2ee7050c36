"""From intents to the native resources that they cause."""
