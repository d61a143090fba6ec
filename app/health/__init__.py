"""What happened to the engines, what shall be loaded, and what /health may say of it."""
