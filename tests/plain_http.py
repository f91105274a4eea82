"""Requests to servers that speak no TLS.

httpx reads every CA of the machine for each client, 25 ms of it; these share what was read once.
A connection is still one request's own, so no thread of a server is left with it.
"""

import ssl
from functools import partial

import httpx

TRUST = ssl.create_default_context()

get = partial(httpx.get, verify=TRUST)
post = partial(httpx.post, verify=TRUST)
request = partial(httpx.request, verify=TRUST)
