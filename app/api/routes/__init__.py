"""One file for each route or group of routes."""
