"""What waits, runs and lies on disk: queue, slots, places, uploads."""
