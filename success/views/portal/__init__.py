"""The member's own pages. None takes a member's identifier: a member sees themselves alone."""
