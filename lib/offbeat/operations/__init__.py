"""What those who run a lake ask and do: its health, alerts, and what it must forget."""
