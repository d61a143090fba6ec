"""The machine: devices, memory, number formats, and the libraries' habits."""
