"""What the tests in net/ and e2e/ share: hosts, the daemon, packets, and a service to wake."""
