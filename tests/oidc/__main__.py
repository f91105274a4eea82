"""`python -m tests.oidc PORT CLIENT_ID CLIENT_SECRET`: serve until killed."""

import sys

from tests.oidc.provider import serve

serve(int(sys.argv[1]), client_id=sys.argv[2], client_secret=sys.argv[3])
