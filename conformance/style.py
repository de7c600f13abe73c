"""How the pages of conformance look."""

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .15rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr + tr { border-top: 1px solid #ddd; }
td { font-variant-numeric: tabular-nums; } td a { color: inherit; text-decoration: none; }
.failed { background: #f8d0d0; } .known { background: #f8ecc0; } .passed { background: #e4f4e4; }
.wide { overflow-x: auto; } pre { white-space: pre-wrap; } summary { cursor: pointer; }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #ddd; } tr + tr { border-color: #333; }
  .failed { background: #5a2020; } .known { background: #50440e; } .passed { background: #17331b; }
}
"""
