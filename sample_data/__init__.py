"""Synthetic demonstration data: a few files that show every rule at work. Nothing in them happened."""
