"""What Nango's API sends and receives, as far as the client uses it. Everything else it sends is dropped here."""
