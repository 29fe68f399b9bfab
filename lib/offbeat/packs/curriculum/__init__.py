"""The pack curriculum: what the access logs of a course say, and who doesn't belong."""
