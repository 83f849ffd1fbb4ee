"""Messages and notices over REST."""
