"""The performance figures of the README, measured side by side with peers."""
