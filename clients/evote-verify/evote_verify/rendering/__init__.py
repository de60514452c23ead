"""The report's forms: text, JSON, HTML; in English and Japanese."""
