"""Thousands of calls whose far ends hang up, say no, or vanish whenever they like; afterwards nothing may be left."""
