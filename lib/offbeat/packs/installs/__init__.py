"""Ad clicks: who will install, which visitors are click farms, and what that means for who buys the ads."""
