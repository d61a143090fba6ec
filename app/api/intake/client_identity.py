"""Who shares one place in the queue: a key where several are in use, an address otherwise."""

import ipaddress

from starlette.requests import HTTPConnection

from app.api.request_record import record_of


def client_of(connection: HTTPConnection) -> str:
    """Return the client behind `connection` as the queue, the log and the metrics know it.

    IPv6 addresses count by their /64 network: one host owns all of it.
    """
    number = record_of(connection).key_number
    if number is not None:
        return f"key-{number}"
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
