"""The other side of Nango: the apps that connections lead to, their OAuth, their APIs, and what is known of them."""
