"""The backends. They mirror each other file by file and never import each other."""
