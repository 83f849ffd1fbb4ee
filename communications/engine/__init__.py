"""Judgements about messages in plain Python."""
