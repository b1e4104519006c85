"""Our own HTTP routes: Nango's webhooks, and the page behind our links."""
