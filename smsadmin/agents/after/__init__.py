"""After the call: what a platform tells of its end, the rules over it, and what they have sent."""
