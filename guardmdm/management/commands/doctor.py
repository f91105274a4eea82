import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from guardmdm.health import Finding, examine
from organization.management.operator_command import OperatorCommand


class Command(OperatorCommand):
    help = "Look at everything this server needs; a line each, with the fix. Exits 1 on a failure."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            if not options["json"]:
                self.stdout.write(self._describe(finding))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings]))
        if any(finding.is_failure for finding in findings):
            sys.exit(1)

    def _describe(self, finding: Finding) -> str:
        mark = "FAIL" if finding.is_failure else "warn" if finding.fix else "ok  "
        line = f"{mark}  {finding.name}: {finding.text}"
        return f"{line}\n      → {finding.fix}" if finding.fix else line
