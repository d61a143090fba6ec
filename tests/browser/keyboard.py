"""Keys by the names people give them, as DevTools wants them."""

KEYS = {
    "Enter": ("Enter", 13, "\r"),
    "Tab": ("Tab", 9, ""),
    "Escape": ("Escape", 27, ""),
    "Space": ("Space", 32, " "),
    "Home": ("Home", 36, ""),
    "End": ("End", 35, ""),
    "PageUp": ("PageUp", 33, ""),
    "PageDown": ("PageDown", 34, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "Backspace": ("Backspace", 8, ""),
    "Delete": ("Delete", 46, ""),
    "F8": ("F8", 119, ""),
    "F9": ("F9", 120, ""),
    "?": ("Slash", 191, "?"),
    "=": ("Equal", 187, "="),
    "-": ("Minus", 189, "-"),
}
"""Code, virtual key number and text."""

MODIFIERS = {"Alt": 1, "Ctrl": 2, "Meta": 4, "Shift": 8}
