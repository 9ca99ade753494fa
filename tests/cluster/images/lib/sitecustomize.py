"""The image's own sitecustomize, which must run whatever else is injected."""

import os

os.environ["APP_SITECUSTOMIZE"] = "1"
