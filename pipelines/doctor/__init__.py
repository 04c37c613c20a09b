"""What this machine has, what a run would choose on it, and what is missing."""
