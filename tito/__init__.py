"""tito: the command line and the machinery of the tinytorch course."""

import sys

# jsonschema, which nbformat imports, would build a parser for international web addresses at every start: about three
# seconds for a check that no notebook needs. It does without when the package is absent, so here it is absent.
sys.modules.setdefault("rfc3987_syntax", None)
