"""The language of call flows, in plain Python: reading, checking, expressions, and taking the steps."""
