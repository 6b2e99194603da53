"""Files that are generated from the table and committed."""
