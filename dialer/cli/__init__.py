"""The command line: parses, calls a room, presents what came."""
