"""What goes over the wire to a receiver: event types, bodies, signatures, and when to try again."""
