"""One-off questions that a notebook asks; nothing else imports them."""
