"""Write docs/results.md and docs/coverage.md from the JSON files of benchmarks/results: no number in them is typed in.

python benchmarks/report.py

A section is a file of `benchmarks/sections`.
"""

import json

import coverage_page
from common import RESULTS, ROOT
from sections import page


def main() -> None:
    (ROOT / "docs" / "results.md").write_text(page(RESULTS))
    coverage = json.loads((RESULTS / "coverage.json").read_text())
    (ROOT / "docs" / "coverage.md").write_text(coverage_page.page(coverage))
    for path, link in ((ROOT / "README.md", "docs/coverage.md"), (ROOT / "docs" / "networks.md", "coverage.md")):
        path.write_text(coverage_page.with_sentence(path.read_text(), coverage, link))


if __name__ == "__main__":
    main()
