"""Write docs/results.md from the JSON files of benchmarks/results: no number in it is typed in.

python benchmarks/report.py

A section is a file of `benchmarks/sections`.
"""

from common import RESULTS, ROOT
from sections import page


def main() -> None:
    (ROOT / "docs" / "results.md").write_text(page(RESULTS))


if __name__ == "__main__":
    main()
