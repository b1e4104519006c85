"""Carrying a plan out: what may run now, one call at a time, exactly once."""
