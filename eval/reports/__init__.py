"""The forms of a report: JUnit XML, Markdown, one HTML file, JSON."""
