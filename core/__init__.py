"""What every room needs: errors, settings, artefacts, progress."""
