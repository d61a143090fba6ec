"""`python -m tools.docs` brings the files of tools.docs.documents up to date.

Run it after changing a setting, an option, a format or an error; a test fails until then.
"""

from pathlib import Path

from tools.docs.documents import ROOT, documents

if __name__ == "__main__":
    for name, text in documents(ROOT).items():
        Path(ROOT, name).write_text(text, encoding="utf-8")
        print(name)
