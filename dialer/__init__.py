"""A callback dialer: calls customers back, hears who answered, brings in an agent, reports the result."""
