"""Adapters to what other people's programs read."""
