"""How a sandbox is served, over HTTP or in this process, and what is done with every request on its way in."""
