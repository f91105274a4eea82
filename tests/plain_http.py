"""Requests to servers that speak no TLS.

httpx reads every CA of the machine for each client, 25 ms of it; these share what was read once.
A connection is still one request's own, so no thread of a server is left with it. And an answer
may take as long as a busy machine needs; httpx gives up after five seconds.
"""

import ssl
from functools import partial

import httpx

TRUST = ssl.create_default_context()
SECONDS = 30

get = partial(httpx.get, verify=TRUST, timeout=SECONDS)
post = partial(httpx.post, verify=TRUST, timeout=SECONDS)
request = partial(httpx.request, verify=TRUST, timeout=SECONDS)
