"""What an operation may be and cost: its document's shape, its complexity, and the rate that pays for it."""
