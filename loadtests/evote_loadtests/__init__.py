"""Crowds of voters at a deployment's addresses.

``people`` of the local stack does what voters do; Locust keeps the figures. The arrivals are planned beforehand (an
open loop): whoever is served slowly doesn't keep the next one from coming, and a visit counts from its planned moment.
"""

import os

# The voters' connections are asyncio's, which gevent's patched sockets break.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
