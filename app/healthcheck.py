"""A container's probe, is the service usable: `python -m app.healthcheck PORT`."""

import http.client
import sys

ANSWER_SECONDS = 4
"""/health answers within 100 ms; beyond this it counts as hung."""
_SHOWN_BYTES = 600


def main(arguments: list[str]) -> int:
    """Print what /health says; return 0 for status 200 and 1 for everything else, no answer included."""
    connection = http.client.HTTPConnection("127.0.0.1", int(arguments[0]), timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        body = answer.read(_SHOWN_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as exc:
        print(f"no answer: {exc}")
        return 1
    finally:
        connection.close()
    print(answer.status, body)
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
