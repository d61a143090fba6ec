"""Engines that are loaded once and shared: leases, memory policy, unloading."""
