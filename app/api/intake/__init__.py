"""From bytes on the wire to a checked submission."""
