"""Fault trials: everything is killed, restarted, emptied and doubled, and then counted.

``make chaos`` runs them; docs/chaos.md says what is tried and what came out.
"""
