"""What changed between two versions, and the smallest version bump that it requires."""
