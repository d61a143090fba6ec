"""What surrounds every route: ids, keys, origins, times, the log, leaving clients."""
