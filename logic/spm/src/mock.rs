//! Host stand-ins for tests.
