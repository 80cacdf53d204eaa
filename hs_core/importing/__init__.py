"""A Synapse deployment's configuration as one `hs.yaml`: what each option becomes, and what is not taken over, and why.

Pure: mappings in, a mapping and a report out. `options` is the table of the shared file, `workers` of the processes.
"""

from hs_core.importing.importer import import_config
from hs_core.importing.report import Imported, Line, Outcome

__all__ = ["Imported", "Line", "Outcome", "import_config"]
