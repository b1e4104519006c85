"""What a browser sees: the connect page and the overview."""
