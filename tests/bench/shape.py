"""What the benchmark's workspace looks like; known to the load generator and to the seeding alike."""

PORTAL = 9000009
SECRET = "bench-client-secret"
NUMBERS, USERS = 500, 100
