"""Testing and measuring the service on a machine that has torch, a GPU and no network."""
