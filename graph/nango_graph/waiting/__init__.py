"""How waits end: somebody looks at Nango, commits what is found, and wakes the thread."""
