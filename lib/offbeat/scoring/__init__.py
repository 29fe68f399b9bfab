"""How the model reaches the executors, what it says of each session there, and what that means."""
