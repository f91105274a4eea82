"""What leads back to the machine that asks, and so needs no TLS and is of use to nobody else."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a name, or an address without brackets, is the machine's own (RFC 6761 6.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.lower()
        return name == "localhost" or name.endswith(".localhost")
