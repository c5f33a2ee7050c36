"""Prints the OpenAPI document as JSON: the dashboard's client is generated from it at every build."""

import json
import sys

from meshwright.ui_api.http import app
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.routes import ALL

if __name__ == "__main__":
    json.dump(openapi.document(ALL, app.VERSION), sys.stdout, indent=1)
