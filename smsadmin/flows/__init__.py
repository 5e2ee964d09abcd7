"""Call flows: Callr's YAML with `sms@v1` in it, checked, versioned and run here."""
