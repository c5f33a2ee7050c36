"""Translating intents to native resources."""
