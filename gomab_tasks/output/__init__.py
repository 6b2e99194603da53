"""Keep what runs leave below the output folder, and read it back."""
