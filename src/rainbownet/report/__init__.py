"""Reports: one self-contained HTML page about a user's own rainbow or networks."""

from rainbownet.report.collect import collect
from rainbownet.report.page import page
from rainbownet.report.result import Report
from rainbownet.report.write import write_report

__all__ = ["Report", "collect", "page", "write_report"]
